/* SPDX-License-Identifier: Apache-2.0 */
/* Owns what is told of everything that no other part has asked for: by a table of what is known of IIS. Caller's thread. */
#include "config/iis_parts.h"

#include <string.h>

static const char see_server[] = "Let the server do it", see_response_set[] = "Write \"response_set\"",
                  see_run[] = "Run that program as a service, and route to its port",
                  see_access[] = "See \"access\" in georelay.conf(5)",
                  see_limits[] = "See \"limits\" and \"timeouts\" in georelay.conf(5)";

#define WEB  "system.webServer/"
#define HOST "system.applicationHost/"

/* By path; the longest that fits counts, and what is below it is not looked at. */
static const struct known {
    const char *path;
    enum iis_kind kind;
    const char *what;
    const char *remedy;
} known[] = {
    {"configSections", IIS_NEEDLESS, "Names of sections", NULL},
    {"configProtectedData", IIS_NEEDLESS, "How IIS encrypts its own files", NULL},
    {"appSettings", IIS_NEEDLESS, "Settings of programs within IIS", NULL},
    {"connectionStrings", IIS_NEEDLESS, "Databases of programs within IIS", NULL},
    {"runtime", IIS_NEEDLESS, "Settings of .NET", NULL},
    {"startup", IIS_NEEDLESS, "Settings of .NET", NULL},
    {"system.codedom", IIS_NEEDLESS, "Settings of .NET", NULL},
    {"system.diagnostics", IIS_NEEDLESS, "Settings of .NET", NULL},
    {"system.net", IIS_NEEDLESS, "Settings of .NET", NULL},
    {"system.serviceModel", IIS_NEEDLESS, "Services of programs within IIS", NULL},
    {"system.ftpServer", IIS_NEEDLESS, "The FTP server", NULL},
    {"system.web", IIS_NEEDLESS, "Settings of ASP.NET, for programs within IIS", NULL},
    {"system.web/authentication", IIS_LOST, "How ASP.NET let users log on", see_server},
    {"system.web/httpRuntime", IIS_LOST, "Limits of ASP.NET, for programs within IIS", see_limits},
    {"system.web/httpCookies", IIS_LOST, "Flags of ASP.NET's cookies", "Write \"cookie_secure\" and \"cookie_http_only\""},
    {"webFarms", IIS_NEEDLESS, "Settings of server farms as a whole", NULL},
    {"webFarms/webFarm", IIS_NEEDLESS, "No rule that was carried over forwards to this farm", NULL},
    {"webFarms/webFarm/applicationRequestRouting/healthCheck", IIS_NEEDLESS, "No test of a URL is set", NULL},

    {HOST "applicationPools", IIS_NEEDLESS, "Processes of programs within IIS", NULL},
    {HOST "configHistory", IIS_NEEDLESS, "Copies of IIS's own files", NULL},
    {HOST "customMetadata", IIS_NEEDLESS, "Notes of IIS's own", NULL},
    {HOST "listenerAdapters", IIS_NEEDLESS, "Listeners of IIS's own", NULL},
    {HOST "log", IIS_LOST, "How IIS logs", see_access},
    {HOST "webLimits", IIS_LOST, "Limits of IIS as a whole", see_limits},
    {HOST "sites/siteDefaults", IIS_LOST, "What sites have that say nothing", "Look whether the site relies on it"},
    {HOST "sites/applicationDefaults", IIS_NEEDLESS, "Processes of programs within IIS", NULL},
    {HOST "sites/virtualDirectoryDefaults", IIS_NEEDLESS, "Folders of IIS's own", NULL},
    {HOST "sites/site/application", IIS_NEEDLESS, "Folders of IIS's own", NULL},
    {HOST "sites/site/applicationDefaults", IIS_NEEDLESS, "Processes of programs within IIS", NULL},
    {HOST "sites/site/virtualDirectoryDefaults", IIS_NEEDLESS, "Folders of IIS's own", NULL},
    {HOST "sites/site/limits", IIS_LOST, "Limits of this site", see_limits},
    {HOST "sites/site/logFile", IIS_LOST, "How IIS logs this site", see_access},
    {HOST "sites/site/traceFailedRequestsLogging", IIS_NEEDLESS, "Traces within IIS", NULL},
    {HOST "sites/site/ftpServer", IIS_NEEDLESS, "The FTP server", NULL},

    {WEB "applicationInitialization", IIS_NEEDLESS, "How IIS starts programs", NULL},
    {WEB "asp", IIS_NEEDLESS, "Programs within IIS", NULL},
    {WEB "aspNetCore", IIS_LOST, "IIS started a program and forwarded to it", see_run},
    {WEB "httpPlatform", IIS_LOST, "IIS started a program and forwarded to it", see_run},
    {WEB "iisnode", IIS_LOST, "IIS started a program and forwarded to it", see_run},
    {WEB "caching", IIS_LOST, "IIS kept copies of responses; georelay keeps none", see_server},
    {WEB "diskCache", IIS_LOST, "ARR kept copies of responses; georelay keeps none", see_server},
    {WEB "cgi", IIS_NEEDLESS, "Programs within IIS", NULL},
    {WEB "fastCgi", IIS_NEEDLESS, "Programs within IIS", NULL},
    {WEB "cors", IIS_LOST, "IIS answered for pages of other sites (CORS)", see_response_set},
    {WEB "defaultDocument", IIS_NEEDLESS, "Files of IIS's own", NULL},
    {WEB "directoryBrowse", IIS_NEEDLESS, "Files of IIS's own", NULL},
    {WEB "globalModules", IIS_NEEDLESS, "Modules of IIS", NULL},
    {WEB "handlers", IIS_NEEDLESS, "Which module of IIS answers", NULL},
    {WEB "httpCompression", IIS_LOST, "IIS compressed responses; georelay passes on what the server sends", see_server},
    {WEB "urlCompression", IIS_LOST, "IIS compressed responses; georelay passes on what the server sends", see_server},
    {WEB "httpErrors", IIS_LOST, "Error pages of IIS's own; georelay passes on the server's, and has its own for its own errors",
     NULL},
    {WEB "httpLogging", IIS_LOST, "What IIS logs", see_access},
    {WEB "httpProtocol/redirectHeaders", IIS_LOST, "Fields of IIS's own redirects", see_server},
    {WEB "httpTracing", IIS_NEEDLESS, "Traces within IIS", NULL},
    {WEB "isapiFilters", IIS_LOST, "Filters within IIS", "Find out what each does to requests"},
    {WEB "management", IIS_NEEDLESS, "How IIS is managed", NULL},
    {WEB "modules", IIS_LOST, "Modules of IIS that see each request",
     "Find out whether one of them is of your own, and what it does"},
    {WEB "odbcLogging", IIS_LOST, "How IIS logs", see_access},
    {WEB "proxy/cache", IIS_LOST, "ARR kept copies of responses; georelay keeps none", see_server},
    {WEB "rewrite/allowedServerVariables", IIS_NEEDLESS, "What rules may set", NULL},
    {WEB "rewrite/outboundRules/customTags", IIS_NEEDLESS, "Tags for rules that change pages", NULL},
    {WEB "rewrite/outboundRules/preConditions", IIS_NEEDLESS, "No rule uses it", NULL},
    {WEB "rewrite/providers", IIS_LOST, "Programs that rules call", "Find out what each does to requests"},
    {WEB "rewrite/rewriteMaps", IIS_NEEDLESS, "No rule looks anything up here", NULL},
    {WEB "security/applicationDependencies", IIS_NEEDLESS, "Programs within IIS", NULL},
    {WEB "security/isapiCgiRestriction", IIS_NEEDLESS, "Programs within IIS", NULL},
    {WEB "serverRuntime", IIS_NEEDLESS, "How IIS reads requests", NULL},
    {WEB "serverSideInclude", IIS_NEEDLESS, "Files of IIS's own", NULL},
    {WEB "staticContent", IIS_NEEDLESS, "Files of IIS's own", NULL},
    {WEB "tracing", IIS_NEEDLESS, "Traces within IIS", NULL},
    {WEB "validation", IIS_NEEDLESS, "Checks of IIS's own files", NULL},
    {WEB "webdav", IIS_NEEDLESS, "Files of IIS's own", NULL},
};

/* Attributes of elements that were understood. */
static const struct {
    const char *name, *what;
} known_attributes[] = {
    {"allowDefinition", "Who may change IIS's files"},
    {"allowOverride", "Who may change IIS's files"},
    {"inheritInChildApplications", "What programs within IIS inherit"},
    {"lockAllAttributesExcept", "Who may change IIS's files"},
    {"lockAllElementsExcept", "Who may change IIS's files"},
    {"lockAttributes", "Who may change IIS's files"},
    {"lockElements", "Who may change IIS's files"},
    {"lockItem", "Who may change IIS's files"},
    {"logRewrittenUrl", "What IIS logs"},
    {"overrideMode", "Who may change IIS's files"},
    {"arrResponseHeader", "A field that says that ARR answers"},
    {"minResponseBuffer", "georelay holds nothing back"},
    {"responseBufferLimit", "georelay holds nothing back"},
    {"maxResponseHeaderSize", "See limits.head"},
    {"rewriteBeforeCache", "georelay keeps no copies"},
    {"redirectType", "georelay answers with 308"},
    {"statusCode", "georelay answers with its own pages"},
    {"subStatusCode", "georelay answers with its own pages"},
    {"statusReason", "georelay answers with its own pages"},
    {"statusDescription", "georelay answers with its own pages"},
    {"responseCacheDirective", "georelay keeps no copies"},
    {"replace", "A field that is set takes the place of the client's"},
    {"xmlns", "A name for the file's words"},
};

/* Only hold other elements. */
static const char *const containers[] = {"system.webServer",
                                         "system.webServer/security",
                                         "system.webServer/security/authentication",
                                         "system.webServer/rewrite",
                                         "system.webServer/rewrite/outboundRules",
                                         "system.webServer/httpProtocol",
                                         "system.web",
                                         "system.applicationHost",
                                         "system.applicationHost/sites",
                                         NULL};

static const struct known *find(const char *path)
{
    const struct known *best = NULL;

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        size_t length = strlen(known[i].path);
        bool fits = strncmp(path, known[i].path, length) == 0 && (path[length] == '\0' || path[length] == '/');

        if (fits && (!best || length > strlen(best->path)))
            best = &known[i];
    }
    return best;
}

static bool is_container(const char *path, const struct iis_node *node)
{
    for (size_t i = 0; containers[i]; i++)
        if (strcmp(containers[i], path) == 0)
            return node->first != NULL;
    return false;
}

static const char *attribute_about(const char *name)
{
    for (size_t i = 0; i < sizeof(known_attributes) / sizeof(known_attributes[0]); i++)
        if (strcmp(known_attributes[i].name, name) == 0)
            return known_attributes[i].what;
    return NULL;
}

static void tell_attributes(struct iis_import *im, const struct iis_node *node)
{
    for (size_t i = 0; i < node->attributes_count; i++) {
        const struct iis_attribute *attribute = &node->attributes[i];
        const char *what = attribute_about(attribute->name);

        if (attribute->is_told)
            continue;
        if (strcmp(attribute->name, "configSource") == 0)
            iis_note(&im->plan.notes, IIS_LOST, node, "Put the content of that file here and import it again",
                     "The section stands in another file (configSource)");
        else if (what)
            iis_note(&im->plan.notes, IIS_NEEDLESS, node, NULL, "%s: %s", attribute->name, what);
        else
            iis_note(&im->plan.notes, IIS_LOST, node, "Look up what it does, and whether the server needs it",
                     "The attribute %s is not known here", attribute->name);
    }
}

/* The path of the <location> for a part of the site that a node is in, or NULL. */
static const char *part_of(const struct iis_import *im, const struct iis_node *node)
{
    for (; node; node = node->parent)
        for (size_t i = 0; i < im->partly.count; i++)
            if (im->partly.list[i] == node)
                return iis_attr_or(node, "path", "");
    return NULL;
}

static bool is_inner_application(const struct iis_node *node, const char *path)
{
    return strcmp(path, HOST "sites/site/application") == 0 && strcmp(iis_attr_or(node, "path", "/"), "/") != 0;
}

static void tell_unknown(struct iis_import *im, const struct iis_node *node, const char *path)
{
    const struct known *entry = find(path);
    const char *part = part_of(im, node);

    if (is_inner_application(node, path))
        iis_note(&im->plan.notes, IIS_LOST, node, "Import its own web.config if it has rules", "An application below the site");
    else if (part && (!entry || entry->kind != IIS_NEEDLESS))
        iis_note(&im->plan.notes, strstr(path, "/security/") ? IIS_WEAKER : IIS_LOST, node,
                 "See \"routes\" and \"allow\" in georelay.conf(5)", "A setting for the part \"%s\" of the site only", part);
    else if (entry)
        iis_note(&im->plan.notes, entry->kind, node, entry->remedy, "%s", entry->what);
    else
        iis_note(&im->plan.notes, strstr(path, "/security/") ? IIS_WEAKER : IIS_LOST, node,
                 "Look up what it does, and whether the server needs it", "This is not known here");
}

void iis_leave(struct iis_import *im, struct iis_node *node, const char *why)
{
    iis_tell_all(node);
    iis_note(&im->plan.notes, IIS_NEEDLESS, node, NULL, "%s", why);
}

static void sweep(struct iis_import *im, struct iis_node *node)
{
    char path[IIS_PATH_BYTES];

    iis_path(node, path);
    if (!node->is_told && !is_container(path, node)) {
        tell_unknown(im, node, path);
        return;
    }
    tell_attributes(im, node);
    if (node->has_text)
        iis_note(&im->plan.notes, IIS_LOST, node, "Is the file as IIS has it?", "There is text that IIS gives no meaning");
    for (struct iis_node *child = node->first; child; child = child->next)
        sweep(im, child);
}

void iis_known_sweep(struct iis_import *im)
{
    sweep(im, im->web);
    if (im->server)
        sweep(im, im->server);
}
