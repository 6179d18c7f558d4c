/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON line that bench.py reads.
 */
#include "test/bench/load/result.h"

#include <stdarg.h>
#include <stdio.h>

void result_fail(struct result *r, const char *format, ...)
{
    va_list arguments;

    if (r->errors++ != 0)
        return;
    va_start(arguments, format);
    vsnprintf(r->first_error, sizeof r->first_error, format, arguments);
    va_end(arguments);
    fprintf(stderr, "%s\n", r->first_error);
}

static void print_text(const char *name, const char *text)
{
    printf(", \"%s\": \"", name);
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\')
            printf("\\%c", *c);
        else if (*c < 0x20 || *c >= 0x7f)
            printf("\\u%04x", *c);
        else
            putchar(*c);
    }
    putchar('"');
}

static void print_number(const char *name, uint64_t number)
{
    printf(", \"%s\": %llu", name, (unsigned long long)number);
}

static void print_cpu(const struct meter *m)
{
    printf(", \"cpu_ns\": {");
    for (size_t i = 0; i < m->count; i++)
        printf("%s\"%d\": %llu", i == 0 ? "" : ", ", m->processes[i].pid, (unsigned long long)m->processes[i].spent_ns);
    printf("}");
    print_number("cpu_ns_all", meter_spent_ns(m));
    print_number("own_cpu_ns", m->own_spent_ns);
}

static void print_latency(const char *name, const struct histogram *h, double share)
{
    if (h == NULL || h->count == 0)
        printf(", \"%s\": null", name);
    else
        printf(", \"%s\": %.1f", name, (double)histogram_share(h, share) / 1000);
}

int result_print(const struct result *r)
{
    printf("{\"units\": %llu", (unsigned long long)r->units);
    print_text("unit", r->unit);
    printf(", \"seconds\": %.6f", r->seconds);
    print_cpu(r->meter);
    print_latency("p50_us", r->latency, 0.5);
    print_latency("p99_us", r->latency, 0.99);
    print_number("errors", r->errors);
    print_text("first_error", r->first_error);
    print_number("resumed", r->resumed);
    print_number("late_resets", r->late_resets);
    print_text("protocol", r->protocol);
    print_text("cipher", r->cipher);
    printf("}\n");
    fflush(stdout);
    return r->errors == 0 ? 0 : 1;
}
