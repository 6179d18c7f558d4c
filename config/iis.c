/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the order of an import: read, understand, settle, tell what is left, write. Caller's thread. */
#include "config/iis.h"
#include "config/iis_parts.h"
#include "config/iis_xml.h"

#include <stdlib.h>
#include <string.h>

static int read_root(const char *path, FILE *err, struct iis_node **ret)
{
    *ret = iis_xml_read(path, err);
    if (!*ret)
        return -1;
    if (strcmp((*ret)->name, "configuration") == 0)
        return 0;
    fprintf(err, "%s:%u: This is no IIS configuration: the first element is not <configuration>.\n", path, (*ret)->line);
    return -1;
}

static void understand(struct iis_import *im)
{
    iis_site_read(im);
    iis_access_read(im);
    iis_proxy_read(im);
    iis_headers_read(im);
    iis_site_hsts(im);
    iis_filters_read(im);
    iis_inbound_read(im);
    iis_outbound_read(im);
    iis_finish(im);
    iis_known_sweep(im);
}

static void tell(struct iis_plan *plan, const char *web_path, FILE *err)
{
    iis_notes_print(&plan->notes, web_path, "", err);
    if (plan->notes.count == 0)
        return;
    fputs("georelay: ", err);
    iis_notes_sum(&plan->notes, err);
    fputc('\n', err);
}

enum iis_result iis_import(const char *web_path, const char *server_path, const char *site, FILE *out, FILE *err)
{
    struct iis_import im = {0};
    enum iis_result result = IIS_BAD;

    iis_plan_init(&im.plan);
    if (read_root(web_path, err, &im.web) < 0 || (server_path && read_root(server_path, err, &im.server) < 0))
        goto free_trees;
    if (iis_site_find(&im, site, err) < 0)
        goto free_trees;
    understand(&im);
    tell(&im.plan, web_path, err);
    result = im.forwards > 0 ? IIS_DONE : IIS_NOTHING;
    if (result == IIS_DONE)
        iis_write(&im.plan, web_path, server_path, out);
    else
        fprintf(err,
                "georelay: nothing here forwards requests in a way that can be carried over; no configuration was written\n");
free_trees:
    iis_plan_fini(&im.plan);
    free(im.layers.list);
    free(im.partly.list);
    iis_tree_free(im.web);
    iis_tree_free(im.server);
    return result;
}
