/* SPDX-License-Identifier: Apache-2.0 */
/* Owns nothing: asks the kernel, and knows the names of what it answers. Linux only. */
#include "proxy/app/rights.h"

#include "proxy/base/log.h"

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As in capabilities(7), by number. */
static const char *const capability_names[] = {"chown",
                                               "dac_override",
                                               "dac_read_search",
                                               "fowner",
                                               "fsetid",
                                               "kill",
                                               "setgid",
                                               "setuid",
                                               "setpcap",
                                               "linux_immutable",
                                               "net_bind_service",
                                               "net_broadcast",
                                               "net_admin",
                                               "net_raw",
                                               "ipc_lock",
                                               "ipc_owner",
                                               "sys_module",
                                               "sys_rawio",
                                               "sys_chroot",
                                               "sys_ptrace",
                                               "sys_pacct",
                                               "sys_admin",
                                               "sys_boot",
                                               "sys_nice",
                                               "sys_resource",
                                               "sys_time",
                                               "sys_tty_config",
                                               "mknod",
                                               "lease",
                                               "audit_write",
                                               "audit_control",
                                               "setfcap",
                                               "mac_override",
                                               "mac_admin",
                                               "syslog",
                                               "wake_alarm",
                                               "block_suspend",
                                               "audit_read",
                                               "perfmon",
                                               "bpf",
                                               "checkpoint_restore"};

#define NAMES (sizeof(capability_names) / sizeof(capability_names[0]))

/* There is no function of libc for it (capget(2)). */
static int read_sets(struct rights *ret)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

    if (syscall(SYS_capget, &head, data) != 0)
        return -1;
    ret->permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
    ret->effective = data[0].effective | (uint64_t)data[1].effective << 32;
    ret->inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32;
    for (unsigned cap = 0; cap < 64; cap++) {
        if (prctl(PR_CAPBSET_READ, (unsigned long)cap, 0, 0, 0) == 1)
            ret->bounding |= (uint64_t)1 << cap;
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, (unsigned long)cap, 0, 0) == 1)
            ret->ambient |= (uint64_t)1 << cap;
    }
    return 0;
}

int rights_read(struct rights *ret)
{
    struct rights r = {0};
    int count;

    if (getresuid(&r.uids[0], &r.uids[1], &r.uids[2]) != 0 || getresgid(&r.gids[0], &r.gids[1], &r.gids[2]) != 0)
        return -1;
    count = getgroups(RIGHTS_GROUPS, r.groups);
    if (count < 0 || read_sets(&r) != 0)
        return -1;
    r.groups_count = (unsigned)count;
    r.no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
    *ret = r;
    return 0;
}

/* Appends what fits, with a comma before it if it is not the first. */
static void append(char *text, size_t size, size_t *used, const char *what)
{
    int length = snprintf(text + *used, size - *used, "%s%s", *used > 0 ? "," : "", what);

    *used = length < 0 || (size_t)length >= size - *used ? size - 1 : *used + (size_t)length;
}

static void log_user(struct log_line *l, unsigned uid)
{
    const struct passwd *user = getpwuid(uid);

    if (user != NULL)
        log_text(l, "user", user->pw_name);
    else
        log_number(l, "user", uid);
}

static void append_group(char *text, size_t size, size_t *used, gid_t gid)
{
    const struct group *group = getgrgid(gid);
    char number[16];

    snprintf(number, sizeof(number), "%u", gid);
    append(text, size, used, group != NULL ? group->gr_name : number);
}

static void log_groups(struct log_line *l, const struct rights *r)
{
    char text[512] = "";
    size_t used = 0;

    append_group(text, sizeof(text), &used, r->gids[1]);
    for (unsigned i = 0; i < r->groups_count; i++)
        if (r->groups[i] != r->gids[1])
            append_group(text, sizeof(text), &used, r->groups[i]);
    log_text(l, "groups", text);
}

static void log_capabilities(struct log_line *l, uint64_t set)
{
    char text[1024] = "";
    char number[16];
    size_t used = 0;

    for (unsigned cap = 0; cap < 64; cap++) {
        if ((set >> cap & 1) == 0)
            continue;
        snprintf(number, sizeof(number), "%u", cap);
        append(text, sizeof(text), &used, cap < NAMES ? capability_names[cap] : number);
    }
    log_text(l, "capabilities", used > 0 ? text : NULL);
}

void rights_log(const struct rights *r)
{
    struct log_line l;

    if (!log_begin(&l, LOG_LEVEL_INFO, "privileges"))
        return;
    log_user(&l, r->uids[1]);
    log_groups(&l, r);
    log_capabilities(&l, r->permitted);
    log_text(&l, "no_new_privs", r->no_new_privs ? "yes" : "no");
    log_end(&l);
}
