/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the question of who may ask at all. georelay asks for certificates and nothing else; whatever else IIS did to keep
 * somebody out closes the door, so that no import opens what was shut. Caller's thread.
 */
#include "config/iis_parts.h"

#include <string.h>

static bool has_word(const char *list, const char *word)
{
    size_t length = strlen(word);

    for (list += strspn(list, " ,"); *list; list += strspn(list, " ,")) {
        size_t width = strcspn(list, " ,");

        if (width == length && strncasecmp(list, word, length) == 0)
            return true;
        list += width;
    }
    return false;
}

/* TLS and client certificates: the innermost layer that says something counts. */
static void read_ssl(struct iis_import *im)
{
    for (size_t i = 0; i < im->layers.count; i++) {
        const struct iis_node *node = iis_section(im, i, "system.webServer/security/access");
        const char *flags = iis_attr(node, "sslFlags");

        if (!flags)
            continue;
        im->plan.needs_tls = has_word(flags, "Ssl") || has_word(flags, "SslRequireCert") ? node : NULL;
        im->plan.client_certificate = has_word(flags, "SslRequireCert")     ? "required"
                                      : has_word(flags, "SslNegotiateCert") ? "optional"
                                                                            : NULL;
        im->plan.client_certificate_from = node;
    }
    if (im->plan.client_certificate)
        iis_note(&im->plan.notes, IIS_BY_HAND, im->plan.client_certificate_from,
                 "Put the certificates of the CAs that may issue them into the file of \"client_ca\"",
                 "Browsers are asked for a certificate");
}

/* The value that the innermost layer gives a method of authentication; `ret` gets its node. */
static bool is_enabled(struct iis_import *im, const char *path, bool preset, struct iis_node **ret)
{
    bool is_on = preset;

    for (size_t i = 0; i < im->layers.count; i++) {
        struct iis_node *node = iis_section(im, i, path);

        if (!node)
            continue;
        is_on = iis_attr_bool(node, "enabled", is_on);
        if (is_on == preset)
            iis_leave(im, node, "It is as it is without being said");
        iis_tell_all(node);
        *ret = node;
    }
    return is_on;
}

static void read_authentication(struct iis_import *im)
{
    static const char *const methods[] = {"basicAuthentication",
                                          "windowsAuthentication",
                                          "digestAuthentication",
                                          "clientCertificateMappingAuthentication",
                                          "iisClientCertificateMappingAuthentication",
                                          NULL};
    struct iis_node *from = NULL;

    if (!is_enabled(im, "system.webServer/security/authentication/anonymousAuthentication", true, &from))
        iis_plan_close(&im->plan, from, "Let the server ask for a name, or ask for client certificates",
                       "IIS let nobody in without logging on, which georelay can't do");
    for (size_t i = 0; methods[i]; i++) {
        char path[128] = "system.webServer/security/authentication/";

        strcat(path, methods[i]);
        if (is_enabled(im, path, false, &from))
            iis_note(&im->plan.notes, IIS_LOST, from, "Let the server ask for a name",
                     "IIS offered to log on; georelay does not");
    }
}

static bool is_everybody(const struct iis_node *node)
{
    return strcasecmp(iis_attr_or(node, "accessType", ""), "Allow") == 0 && strcmp(iis_attr_or(node, "users", ""), "*") == 0 &&
           iis_attr_or(node, "verbs", "")[0] == '\0';
}

/* <allow users="*"/> of ASP.NET. */
static bool is_everybody_of_aspnet(const struct iis_node *node)
{
    return strcmp(node->name, "allow") == 0 && strcmp(iis_attr_or(node, "users", ""), "*") == 0 && !iis_attr(node, "verbs");
}

static void read_authorization(struct iis_import *im, const char *path, bool is_open(const struct iis_node *node))
{
    for (size_t i = 0; i < im->layers.count; i++) {
        struct iis_node *node = iis_section(im, i, path);
        bool is_shut = false;

        for (const struct iis_node *child = node ? node->first : NULL; child; child = child->next)
            is_shut |= !is_open(child);
        if (!node)
            continue;
        iis_tell_all(node);
        if (is_shut)
            iis_plan_close(&im->plan, node, "Let the server check who may do what", "IIS let in only some users");
        else
            iis_leave(im, node, "It lets everybody in");
    }
}

static void read_addresses(struct iis_import *im)
{
    for (size_t i = 0; i < im->layers.count; i++) {
        struct iis_node *node = iis_section(im, i, "system.webServer/security/ipSecurity");
        bool is_shut = node && !iis_attr_bool(node, "allowUnlisted", true);

        for (const struct iis_node *child = iis_child(node, "add"); child; child = iis_next(child, "add"))
            is_shut |= !iis_attr_bool(child, "allowed", false);
        if (!node)
            continue;
        iis_tell_all(node);
        if (is_shut)
            iis_plan_close(&im->plan, node, "Write the same rule into the firewall in front of georelay",
                           "IIS let in only some addresses");
        else
            iis_leave(im, node, "It lets every address in");
    }
}

static void read_rates(struct iis_import *im)
{
    for (size_t i = 0; i < im->layers.count; i++) {
        struct iis_node *node = iis_section(im, i, "system.webServer/security/dynamicIpSecurity");
        bool is_on;

        if (!node)
            continue;
        is_on = iis_attr_bool(iis_child(node, "denyByConcurrentRequests"), "enabled", false) ||
                iis_attr_bool(iis_child(node, "denyByRequestRate"), "enabled", false);
        iis_tell_all(node);
        if (is_on)
            iis_note(&im->plan.notes, IIS_WEAKER, node, "Write limits.per_client", "IIS limited what one address may ask for");
        else
            iis_leave(im, node, "It limits nothing");
    }
}

/* A part of the site that not everybody may see: georelay would show it. */
static void close_for_parts(struct iis_import *im)
{
    static const char *const gates[] = {"system.webServer/security/authorization",
                                        "system.webServer/security/ipSecurity",
                                        "system.webServer/security/authentication",
                                        "system.webServer/security/access",
                                        "system.web/authorization",
                                        NULL};

    for (size_t i = 0; i < im->partly.count; i++)
        for (size_t j = 0; gates[j]; j++) {
            struct iis_node *node = iis_find(im->partly.list[i], gates[j]);

            if (!node)
                continue;
            iis_tell_all(node);
            iis_plan_close(&im->plan, node, "Write \"allow\" without that part, or let the server check who may see it",
                           "IIS had its own rule on who may see a part of the site (<location>)");
        }
}

void iis_access_read(struct iis_import *im)
{
    read_ssl(im);
    read_authentication(im);
    read_authorization(im, "system.webServer/security/authorization", is_everybody);
    read_authorization(im, "system.web/authorization", is_everybody_of_aspnet);
    read_addresses(im);
    read_rates(im);
    close_for_parts(im);
}
