/* SPDX-License-Identifier: Apache-2.0 */
/* Prints the table of settings, one row a line, parted by tabs: the manual page is compared with it (test/config/manual). */
#include "config/settings.h"

#include <stdio.h>

static const char *const types[CFG_TYPES] = {
    [CFG_NAME] = "name",
    [CFG_TEXT] = "text",
    [CFG_PATH] = "path",
    [CFG_NUMBER] = "number",
    [CFG_CHOICE] = "choice",
    [CFG_LISTEN] = "listen",
    [CFG_ENDPOINT] = "endpoint",
    [CFG_NETWORK] = "network",
    [CFG_POOL] = "address range",
    [CFG_PORTS] = "ports",
    [CFG_BYTES] = "bytes",
    [CFG_ADDRESS] = "address",
    [CFG_HOST] = "host",
    [CFG_HOST_FIELD] = "host field",
    [CFG_HOST_PATTERN] = "host pattern",
    [CFG_URL_PATH] = "URL path",
    [CFG_URL_TARGET] = "URL target",
    [CFG_METHOD] = "method",
    [CFG_FIELD_NAME] = "field name",
    [CFG_FIELD_VALUE] = "field value",
    [CFG_STATUSES] = "statuses",
    [CFG_HOURS] = "hours",
    [CFG_SYSLOG] = "syslog receiver",
    [CFG_GROUP] = "group",
};

static void print_choices(const struct cfg_setting *row)
{
    for (size_t i = 0; row->choices && row->choices[i]; i++)
        printf("%s%s", i > 0 ? " " : "", row->choices[i]);
    putchar('\t');
}

static void print_row(const struct cfg_setting *row)
{
    static const char *const roles[] = {[CFG_FOR_RELAY] = "relay", [CFG_FOR_AGENT] = "agent", [CFG_FOR_BOTH] = "both"};

    printf("%s\t%s\t%s\t%s\t%s\t", cfg_groups[row->group].name, row->name, types[row->type], row->is_list ? "list" : "one",
           roles[row->roles]);
    printf("%s\t%s\t%s\t%ld\t%ld\t%s\t", row->is_http ? "http" : "", row->is_required ? "required" : "optional",
           row->preset ? row->preset : "", row->min, row->max, row->unit ? row->unit : "");
    print_choices(row);
    printf("%s\t%s\n", row->change == CFG_CHANGE_AT_START ? "start" : "reload", row->about);
}

int main(void)
{
    puts("group\tname\ttype\tcount\trole\tmode\tneed\tdefault\tmin\tmax\tunit\tchoices\tchange\tabout");
    for (size_t i = 0; i < cfg_settings_count; i++)
        print_row(&cfg_settings[i]);
    return 0;
}
