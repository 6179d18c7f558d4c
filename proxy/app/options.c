/* SPDX-License-Identifier: Apache-2.0 */
/* Owns nothing; the values point into argv. */
#include "proxy/app/options.h"

#include <stdio.h>
#include <string.h>

static void print_help(const struct option_row *rows, const char *usage)
{
    printf("%s\n\n", usage);
    for (; rows->long_name != NULL; rows++) {
        char names[64];

        snprintf(names, sizeof(names), "%s%s%s%s%s", rows->short_name != NULL ? rows->short_name : "",
                 rows->short_name != NULL ? ", " : "", rows->long_name, rows->argument != NULL ? " " : "",
                 rows->argument != NULL ? rows->argument : "");
        printf("  %-22s %s\n", names, rows->what);
    }
    printf("  %-22s %s\n", "-h, --help", "this text");
}

static const struct option_row *find(const struct option_row *rows, const char *name, size_t length)
{
    for (; rows->long_name != NULL; rows++) {
        if (rows->short_name != NULL && strlen(rows->short_name) == length && strncmp(rows->short_name, name, length) == 0)
            return rows;
        if (strlen(rows->long_name) == length && strncmp(rows->long_name, name, length) == 0)
            return rows;
    }
    return NULL;
}

/* Takes one option with its value; the index of the last argument used, or -1. */
static int take(const struct option_row *rows, int argc, char **argv, int i)
{
    const char *equals = strncmp(argv[i], "--", 2) == 0 ? strchr(argv[i], '=') : NULL;
    size_t length = equals != NULL ? (size_t)(equals - argv[i]) : strlen(argv[i]);
    const struct option_row *row = find(rows, argv[i], length);

    if (row == NULL) {
        fprintf(stderr, "georelay: there is no option \"%s\" here; --help tells which there are\n", argv[i]);
        return -1;
    }
    if (row->argument == NULL) {
        if (equals != NULL) {
            fprintf(stderr, "georelay: option %s takes no value\n", row->long_name);
            return -1;
        }
        *row->value = "yes";
        return i;
    }
    if (equals == NULL && i + 1 == argc) {
        fprintf(stderr, "georelay: option %s needs a value: %s\n", argv[i], row->argument);
        return -1;
    }
    if (row->count != NULL && *row->count == row->room) {
        fprintf(stderr, "georelay: option %s was given too often: at most %zu times\n", row->long_name, row->room);
        return -1;
    }
    row->value[row->count != NULL ? (*row->count)++ : 0] = equals != NULL ? equals + 1 : argv[i + 1];
    return equals != NULL ? i : i + 1;
}

enum options_result options_read(int argc, char **argv, const struct option_row *rows, const char *usage, int *ret_count)
{
    int count = 0;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_help(rows, usage);
            return OPTIONS_HELP;
        }
        if (argv[i][0] == '-' && argv[i][1] != '\0') {
            i = take(rows, argc, argv, i);
            if (i < 0)
                return OPTIONS_BAD;
        } else if (ret_count == NULL) {
            fprintf(stderr, "georelay: %s takes no \"%s\"; --help tells what it takes\n", argv[0], argv[i]);
            return OPTIONS_BAD;
        } else {
            argv[1 + count++] = argv[i];
        }
    }
    if (ret_count != NULL)
        *ret_count = count;
    return OPTIONS_OK;
}
