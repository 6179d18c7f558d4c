/* SPDX-License-Identifier: Apache-2.0 */
/* config/firewall.h: which rules each configuration needs where, as tables; and the sets of addresses and ports. */
#include "test/unit/unit.h"

#include "config/firewall.h"
#include "config/load.h"
#include "test/unit/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct scratch scratch;

static int set_up(void **state)
{
    (void)state;
    scratch_init(&scratch);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    scratch_fini(&scratch);
    return 0;
}

/* -- sets ----------------------------------------------------------------------------------------------------------------------
 */

static const struct {
    const char *comment, *text, *printed, *v6;
} ends[] = {
    {"one", "10.0.0.1", "10.0.0.1", ""},
    {"sorted", "10.0.0.9,10.0.0.1", "10.0.0.1 10.0.0.9", ""},
    {"the same twice", "10.0.0.1,10.0.0.1", "10.0.0.1", ""},
    {"a network", "10.0.0.0/8", "10.0.0.0/8", ""},
    {"everything", "0.0.0.0/0", "0.0.0.0/0", ""},
    {"in a network", "10.1.2.3,10.0.0.0/8", "10.0.0.0/8", ""},
    {"overlapping", "10.0.0.1-10.0.0.5,10.0.0.3-10.0.0.9", "10.0.0.1-10.0.0.9", ""},
    {"side by side", "10.0.0.1,10.0.0.2", "10.0.0.1 10.0.0.2", ""},
    {"a range that is a network", "10.0.0.32-10.0.0.63", "10.0.0.32/27", ""},
    {"a range that is almost one", "10.0.0.33-10.0.0.64", "10.0.0.33-10.0.0.64", ""},
    {"both families", "fd00::/64,10.0.0.1", "10.0.0.1 fd00::/64", "fd00::/64"},
    {"an IPv6 range", "fd00::1-fd00::e", "fd00::1-fd00::e", "fd00::1-fd00::e"},
};

static char *end_text(const struct firewall_end *end, int family)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    firewall_end_print(end, family, " ", out);
    fclose(out);
    return text;
}

static void ends_are_sorted_and_joined(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(ends); i++) {
        struct firewall_end end = {0};
        char *all, *v6;

        EXPECT(firewall_end_parse(&end, ends[i].text) == 0, ends[i].comment);
        all = end_text(&end, AF_UNSPEC);
        v6 = end_text(&end, AF_INET6);
        EXPECT(strcmp(all, ends[i].printed) == 0, all);
        EXPECT(strcmp(v6, ends[i].v6) == 0, ends[i].comment);
        EXPECT(firewall_end_has(&end, AF_INET6) == (*v6 != '\0'), ends[i].comment);
        free(all);
        free(v6);
        firewall_end_fini(&end);
    }
}

static void wrong_ends_are_refused(void **state)
{
    static const char *const wrong[] = {"",          ",",           "10.0.0.1,", "10.0.0.1/8", "10.0.0.9-10.0.0.1",
                                        "a.example", "10.0.0.1:80", "1;ls"};

    (void)state;
    for (size_t i = 0; i < ROWS(wrong); i++) {
        struct firewall_end end = {0};

        EXPECT(firewall_end_parse(&end, wrong[i]) != 0, wrong[i]);
        firewall_end_fini(&end);
    }
}

static void ports_are_sorted_and_joined(void **state)
{
    struct firewall_ports ports = {0};
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    firewall_ports_add(&ports, (struct port_range){.first = 5510, .last = 5519});
    firewall_ports_add_one(&ports, 443);
    firewall_ports_add(&ports, (struct port_range){.first = 5515, .last = 5529});
    firewall_ports_add(&ports, (struct port_range){.first = 65535, .last = 65535});
    firewall_ports_add_one(&ports, 65535);
    firewall_ports_print(&ports, " ", out);
    fclose(out);
    assert_string_equal(text, "443 5510-5529 65535");
    free(text);
    firewall_ports_fini(&ports);
}

/* -- rules ---------------------------------------------------------------------------------------------------------------------
 */

#define TUNNEL(agents_)                                                                                                          \
    "tunnel = { listen = \"10.20.0.10:8443\"; chain = \"c\"; key = \"k\"; ca = \"a\"; agents = ( " agents_ " ); };"
#define RELAY(links_) "role = \"relay\"; links = ( " links_ " );"
#define SITE          "{ name = \"site-a\"; links = ( \"a\" ); clients = ( \"127.0.0.1\", \"192.168.1.0/24\" ); }"
#define AGENT         "role = \"agent\"; name = \"site-a\"; relays = \"10.20.0.10:8443\"; chain = \"c\"; key = \"k\"; ca = \"a\";"

/* A rule is written "FROM>TOWARDS SOURCE>DESTINATION PORTS[!EXCEPT][ MEANS]"; "*" is any. */
static const struct {
    const char *comment, *config, *relay, *clients;
    const char *outer, *host, *inner;
} tables[] = {
    {"2020 or later: one link, no advise", RELAY("{ name = \"a\"; listen = \"10.20.0.10:5481\"; server = \"10.10.0.5:5481\"; }"),
     NULL, NULL, "clients>relay *>10.20.0.10 5481\n", "clients>relay *>10.20.0.10 5481\nrelay>server 10.20.0.10>10.10.0.5 5481\n",
     "relay>server 10.20.0.10>10.10.0.5 5481\n"},
    {"listening everywhere: --relay and --clients say the rest",
     RELAY("{ name = \"a\"; listen = ( \"0.0.0.0:5481\", \"[::]:5481\" ); server = \"10.10.0.5:5481\"; }"), "10.20.0.10",
     "192.168.0.0/16", "clients>relay 192.168.0.0/16>10.20.0.10 5481\n",
     "clients>relay 192.168.0.0/16>10.20.0.10 5481\nrelay>server 10.20.0.10>10.10.0.5 5481\n",
     "relay>server 10.20.0.10>10.10.0.5 5481\n"},
    {"listening everywhere, and nobody said more",
     RELAY("{ name = \"a\"; listen = \"0.0.0.0:5481\"; server = \"10.10.0.5:5481\"; }"), NULL, NULL, "clients>relay *>* 5481\n",
     "clients>relay *>* 5481\nrelay>server *>10.10.0.5 5481\n", "relay>server *>10.10.0.5 5481\n"},
    {"the admin port and the syslog receiver of a relay: at the host alone, loopback left out",
     RELAY(
         "{ name = \"a\"; listen = \"127.0.0.1:5481\"; server = \"127.0.0.1:5482\"; }") "admin = { listen = ( "
                                                                                        "\"127.0.0.1:9481\", "
                                                                                        "\"10.20.0.10:9481\" ); token_file = "
                                                                                        "\"t\"; "
                                                                                        "chain = \"c\"; key = \"k\"; }; audit = "
                                                                                        "{ "
                                                                                        "syslog = \"tls:logs.example:6514\"; };",
     "10.20.0.10", NULL, "", "administrators>relay *>10.20.0.10 9481\nrelay>receiver 10.20.0.10>logs.example 6514\n", ""},
    {"a syslog receiver over UDP: rules are for TCP",
     RELAY("{ name = \"a\"; listen = \"127.0.0.1:5481\"; server = \"127.0.0.1:5482\"; }") "audit = { syslog = "
                                                                                          "\"udp:192.0.2.14:514\"; };",
     NULL, NULL, "", "", ""},
    {"a syslog receiver on this machine, and the admin port on all addresses of an agent",
     AGENT "admin = { listen = \"0.0.0.0:9481\"; token_file = \"t\"; chain = \"c\"; key = \"k\"; }; audit = { syslog = "
           "\"tcp:127.0.0.1:514\"; };",
     NULL, NULL, "agent>relay *>10.20.0.10 8443\n", "agent>relay *>10.20.0.10 8443\nadministrators>agent *>* 9481\n",
     "agent>relay *>10.20.0.10 8443\n"},
    {"loopback needs no rule", RELAY("{ name = \"a\"; listen = \"127.0.0.1:5481\"; server = \"127.0.0.1:5482\"; }"), NULL, NULL,
     "", "", ""},
    {"alias behind an agent: nothing towards clients",
     RELAY("{ name = \"a\"; server = \"10.10.0.5:5481\"; advise = { addressing = \"alias\"; pool = \"10.20.1.1-10.20.1.14\"; "
           "from = \"10.10.0.6\"; }; }") TUNNEL(SITE),
     NULL, NULL, "agents>relay *>10.20.0.10 8443\n",
     "agents>relay *>10.20.0.10 8443\nrelay>server 10.20.1.1-10.20.1.14>10.10.0.5 5481\n"
     "server>relay 10.10.0.5,10.10.0.6>10.20.1.1-10.20.1.14 5500-5509\n",
     "relay>server 10.20.1.1-10.20.1.14>10.10.0.5 5481\nserver>relay 10.10.0.5,10.10.0.6>10.20.1.1-10.20.1.14 5500-5509\n"},
    {"alias with any port",
     RELAY("{ name = \"a\"; server = \"10.10.0.5:5481\"; advise = { addressing = \"alias\"; any_port = \"on\"; pool = "
           "\"10.20.1.1\"; }; }") TUNNEL(SITE),
     NULL, NULL, "agents>relay *>10.20.0.10 8443\n",
     "agents>relay *>10.20.0.10 8443\nrelay>server 10.20.1.1>10.10.0.5 5481\nserver>relay 10.10.0.5>10.20.1.1 5500-5509\n"
     "server>relay 10.10.0.5>10.20.1.1 *!5500-5509 take\n",
     "relay>server 10.20.1.1>10.10.0.5 5481\nserver>relay 10.10.0.5>10.20.1.1 *\n"},
    {"transparent: the clients' own addresses, loopback left out",
     RELAY("{ name = \"a\"; server = \"10.10.0.5:5481\"; advise = { addressing = \"transparent\"; }; }") TUNNEL(SITE), NULL, NULL,
     "agents>relay *>10.20.0.10 8443\n",
     "agents>relay *>10.20.0.10 8443\nrelay>server 192.168.1.0/24>10.10.0.5 5481\nserver>relay 10.10.0.5>192.168.1.0/24 * "
     "intercept\n",
     "relay>server 192.168.1.0/24>10.10.0.5 5481\nserver>relay 10.10.0.5>192.168.1.0/24 *\n"},
    {"ports: each client's own",
     RELAY("{ name = \"a\"; server = \"10.10.0.5:5481\"; advise = { addressing = \"ports\"; address = \"10.20.0.11\"; clients = ("
           "{ agent = \"site-a\"; client = \"192.168.1.20\"; ports = \"5500-5509\"; }, { agent = \"site-a\"; client = "
           "\"192.168.1.21\"; ports = "
           "\"5510-5519\"; } ); }; }") TUNNEL(SITE),
     NULL, NULL, "agents>relay *>10.20.0.10 8443\n",
     "agents>relay *>10.20.0.10 8443\nrelay>server 10.20.0.11>10.10.0.5 5481\nserver>relay 10.10.0.5>10.20.0.11 "
     "5500-5509,5510-5519\n",
     "relay>server 10.20.0.11>10.10.0.5 5481\nserver>relay 10.10.0.5>10.20.0.11 5500-5509,5510-5519\n"},
    {"rewrite: the relay's ports",
     RELAY("{ name = \"a\"; server = \"10.10.0.5:5481\"; advise = { addressing = \"rewrite\"; address = \"10.20.0.11\"; rule = { "
           "offset = 12; }; }; }") TUNNEL(SITE),
     NULL, NULL, "agents>relay *>10.20.0.10 8443\n",
     "agents>relay *>10.20.0.10 8443\nrelay>server 10.20.0.11>10.10.0.5 5481\nserver>relay 10.10.0.5>10.20.0.11 15500-16499\n",
     "relay>server 10.20.0.11>10.10.0.5 5481\nserver>relay 10.10.0.5>10.20.0.11 15500-16499\n"},
    {"the relay delivers: the one case that opens towards clients",
     RELAY("{ name = \"a\"; listen = \"10.20.0.10:5481\"; server = \"10.10.0.5:5481\"; advise = { addressing = \"alias\"; "
           "delivery = \"direct\"; pool = "
           "\"10.20.1.1\"; }; }"),
     NULL, "192.168.1.0/24", "clients>relay 192.168.1.0/24>10.20.0.10 5481\nrelay>clients 10.20.0.10>192.168.1.0/24 5500-5509\n",
     "clients>relay 192.168.1.0/24>10.20.0.10 5481\nrelay>server 10.20.1.1>10.10.0.5 5481\nserver>relay 10.10.0.5>10.20.1.1 "
     "5500-5509\n"
     "relay>clients 10.20.0.10>192.168.1.0/24 5500-5509\n",
     "relay>server 10.20.1.1>10.10.0.5 5481\nserver>relay 10.10.0.5>10.20.1.1 5500-5509\n"},
    {"an agent beside the server: nothing from the DMZ to the server's network",
     RELAY("{ name = \"a\"; server = \"node-a@plant\"; }") TUNNEL(SITE ", { name = \"plant\"; }"), NULL, NULL,
     "agents>relay *>10.20.0.10 8443\n", "agents>relay *>10.20.0.10 8443\n", "agents>relay *>10.20.0.10 8443\n"},
    {"a link over ranges",
     RELAY("{ name = \"a\"; listen = \"10.20.0.10:15000\"; ports = ( \"49152-65535\", \"1025-5000\" ); server = \"10.10.0.5:*\"; "
           "}"),
     NULL, NULL, "clients>relay *>10.20.0.10 1025-5000,49152-65535\n",
     "clients>relay *>10.20.0.10 1025-5000,49152-65535 lead\nrelay>server 10.20.0.10>10.10.0.5 1025-5000,49152-65535\n",
     "relay>server 10.20.0.10>10.10.0.5 1025-5000,49152-65535\n"},
    {"a web door with a server behind an agent, and one by name",
     "role = \"relay\"; web = { name = \"w\"; listen = \"10.20.0.10:443\"; redirect_from = \"10.20.0.10:80\"; certificates = { "
     "chain = \"c\"; key = "
     "\"k\"; }; servers = ( \"web@plant\", \"scada.example:8080\" ); };" TUNNEL("{ name = \"plant\"; }"),
     NULL, NULL, "clients>relay *>10.20.0.10 443\nclients>relay *>10.20.0.10 80\n",
     "clients>relay *>10.20.0.10 443\nclients>relay *>10.20.0.10 80\nrelay>server 10.20.0.10>scada.example 8080\nagents>relay "
     "*>10.20.0.10 8443\n",
     "relay>server 10.20.0.10>scada.example 8080\nagents>relay *>10.20.0.10 8443\n"},
    {"an agent beside clients",
     AGENT "links = { name = \"a\"; listen = ( \"127.0.0.1:5481\", \"192.168.1.10:5481\" ); }; clients = ( \"127.0.0.1\", "
           "\"192.168.1.0/24\" );",
     NULL, NULL, "agent>relay *>10.20.0.10 8443\n",
     "agent>relay *>10.20.0.10 8443\nclients>agent 192.168.1.0/24>192.168.1.10 5481\nagent>clients *>192.168.1.0/24 5500-5509\n",
     "agent>relay *>10.20.0.10 8443\n"},
    {"an agent for its own machine alone", AGENT "links = { name = \"a\"; listen = ( \"127.0.0.1:5481\" ); };", NULL, NULL,
     "agent>relay *>10.20.0.10 8443\n", "agent>relay *>10.20.0.10 8443\n", "agent>relay *>10.20.0.10 8443\n"},
    {"an agent beside the server",
     AGENT "servers = ( { name = \"a\"; server = \"10.10.0.5:5481\"; advise = { addressing = \"alias\"; pool = \"10.10.1.1\"; }; "
           "}, { name = \"w\"; server = "
           "\"10.10.0.5:8080\"; } );",
     NULL, NULL, "agent>relay *>10.20.0.10 8443\n",
     "agent>relay *>10.20.0.10 8443\nagent>server 10.10.1.1>10.10.0.5 5481\nserver>agent 10.10.0.5>10.10.1.1 5500-5509\n"
     "agent>server *>10.10.0.5 8080\n",
     "agent>relay *>10.20.0.10 8443\n"},
};

static void print_end(const struct firewall_end *end, FILE *out)
{
    if (firewall_end_print(end, AF_UNSPEC, ",", out) == 0)
        fputc('*', out);
}

static char *rules_text(const struct firewall *f, int place)
{
    static const char *const towards[] = {"clients", "relay", "agent", "server", "receiver"};
    static const char *const means[] = {"", " intercept", " take", " lead"};
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    for (size_t i = 0; i < f->count; i++) {
        const struct firewall_rule *rule = &f->rules[i];

        if (rule->place != place)
            continue;
        assert_true(strlen(rule->reason) > 10 && strlen(rule->label) > 0);
        fprintf(out, "%s>%s ", rule->from, towards[rule->towards]);
        print_end(&rule->source, out);
        fputc('>', out);
        print_end(&rule->destination, out);
        fputs(rule->ports.count == 0 ? " *" : " ", out);
        firewall_ports_print(&rule->ports, ",", out);
        fputs(rule->except.count > 0 ? "!" : "", out);
        firewall_ports_print(&rule->except, ",", out);
        fprintf(out, "%s\n", means[rule->means]);
    }
    fclose(out);
    return text;
}

static struct cfg *load(const char *text)
{
    const char *path = scratch_path(&scratch, "georelay.conf");
    struct cfg_problems problems = {0};
    FILE *file = fopen(path, "we");
    struct cfg *cfg;

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0 && fclose(file) == 0);
    cfg = cfg_load(path, &problems);
    cfg_problems_print(&problems, stderr);
    assert_int_equal(problems.count, 0);
    cfg_problems_fini(&problems);
    return cfg;
}

static void ask(struct firewall_asked *asked, const char *relay, const char *clients)
{
    *asked = (struct firewall_asked){0};
    assert_true(relay == NULL || firewall_end_parse(&asked->relay, relay) == 0);
    assert_true(clients == NULL || firewall_end_parse(&asked->clients, clients) == 0);
}

static void asked_fini(struct firewall_asked *asked)
{
    firewall_end_fini(&asked->relay);
    firewall_end_fini(&asked->clients);
}

static void each_configuration_needs_its_rules(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(tables); i++) {
        const char *expected[] = {tables[i].outer, tables[i].host, tables[i].inner};
        struct cfg *cfg = load(tables[i].config);
        struct firewall_asked asked;

        ask(&asked, tables[i].relay, tables[i].clients);
        for (int k = 0; k < 3; k++) {
            struct firewall all, one;
            char *text, *alone;

            firewall_make(&all, cfg, &asked, FIREWALL_OUTER | FIREWALL_HOST | FIREWALL_INNER);
            firewall_make(&one, cfg, &asked, 1 << k);
            text = rules_text(&all, 1 << k);
            alone = rules_text(&one, 1 << k);
            if (strcmp(text, expected[k]) != 0)
                fail_msg("%s, place %d:\n%s", tables[i].comment, 1 << k, text);
            EXPECT(strcmp(text, alone) == 0, tables[i].comment);
            free(text);
            free(alone);
            firewall_fini(&all);
            firewall_fini(&one);
        }
        asked_fini(&asked);
        cfg_free(cfg);
    }
}

#define DIRECT                                                                                                                   \
    "{ name = \"a\"; listen = \"10.20.0.10:5481\"; server = \"10.10.0.5:5481\"; advise = { addressing = \"transparent\"; "       \
    "delivery = \"direct\"; }; }"

static void clients_that_nobody_named_are_not_intercepted(void **state)
{
    struct cfg *cfg = load(RELAY(DIRECT));
    struct firewall_asked asked;
    struct firewall f;

    (void)state;
    ask(&asked, NULL, NULL);
    firewall_make(&f, cfg, &asked, FIREWALL_HOST);
    assert_non_null(f.unknown);
    firewall_fini(&f);
    asked_fini(&asked);
    ask(&asked, NULL, "192.168.1.0/24");
    firewall_make(&f, cfg, &asked, FIREWALL_HOST);
    assert_null(f.unknown);
    assert_true(firewall_needs(&f, FIREWALL_INTERCEPT));
    firewall_fini(&f);
    asked_fini(&asked);
    cfg_free(cfg);
}

static void the_fingerprint_changes_with_what_a_rule_matches(void **state)
{
    static const char *const clients[] = {"192.168.1.0/24", "192.168.2.0/24"};
    struct cfg *cfg = load(RELAY(DIRECT));
    char *prints[3];

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct firewall_asked asked;
        struct firewall f;

        ask(&asked, NULL, clients[i % 2]);
        firewall_make(&f, cfg, &asked, FIREWALL_HOST);
        for (size_t k = 0; k < f.count; k++)
            if (f.rules[k].means == FIREWALL_INTERCEPT)
                prints[i] = firewall_fingerprint(&f.rules[k]);
        firewall_fini(&f);
        asked_fini(&asked);
    }
    assert_string_equal(prints[0], prints[2]);
    assert_string_not_equal(prints[0], prints[1]);
    for (size_t i = 0; i < 3; i++)
        free(prints[i]);
    cfg_free(cfg);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_are_sorted_and_joined),
        cmocka_unit_test(wrong_ends_are_refused),
        cmocka_unit_test(ports_are_sorted_and_joined),
        cmocka_unit_test_setup_teardown(each_configuration_needs_its_rules, set_up, tear_down),
        cmocka_unit_test_setup_teardown(clients_that_nobody_named_are_not_intercepted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_fingerprint_changes_with_what_a_rule_matches, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
