/* SPDX-License-Identifier: Apache-2.0 */
/* What the service manager hears: proxy/app/notify.h. */
#include "test/unit/unit.h"

#include "proxy/app/notify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A manager in the abstract space whose queue has room for few datagrams (net.unix.max_dgram_qlen). */
static int manager(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    socklen_t len = sizeof(sa_family_t);
    char name[64] = "@";
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0); /* the kernel chooses the name */
    len = sizeof(at);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    memcpy(name + 1, at.sun_path + 1, len - sizeof(sa_family_t) - 1);
    assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
    return fd;
}

/* The next datagram; empty: none. */
static const char *heard(int fd)
{
    static char text[2 * NOTIFY_BYTES];
    ssize_t length = recv(fd, text, sizeof(text) - 1, 0);

    text[length > 0 ? length : 0] = '\0';
    return text;
}

static void says_what_it_is_told(void **state)
{
    int fd = manager();

    (void)state;
    notify_open();
    assert_true(notify_is_on());
    assert_null(getenv("NOTIFY_SOCKET"));
    notify_say("READY=1\nSTATUS=%s", "serving");
    assert_string_equal(heard(fd), "READY=1\nSTATUS=serving");
    notify_say("STOPPING=1");
    assert_string_equal(heard(fd), "STOPPING=1");
    assert_string_equal(heard(fd), "");
    notify_close();
    assert_false(notify_is_on());
    notify_say("READY=1");
    assert_string_equal(heard(fd), "");
    close(fd);
}

/* A manager that does not read is not waited for, and hears everything later. */
static void keeps_what_does_not_fit(void **state)
{
    struct loop loop;
    int fd = manager(), filler = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_un at;
    socklen_t len = sizeof(at);
    const char *last = "";

    (void)state;
    assert_int_equal(loop_init(&loop, 0), 0);
    notify_open();
    notify_start(&loop);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    while (sendto(filler, "x", 1, 0, (struct sockaddr *)&at, len) == 1)
        continue;
    assert_int_equal(errno, EAGAIN);
    notify_say("READY=1");
    notify_say("STATUS=one");
    notify_say("STATUS=two");
    while (strcmp(heard(fd), "x") == 0)
        continue;
    while (*last == '\0') {
        loop_turn(&loop);
        last = heard(fd);
    }
    assert_string_equal(last, "READY=1\nSTATUS=one\nSTATUS=two");
    assert_string_equal(heard(fd), "");
    notify_close();
    loop_fini(&loop);
    close(filler);
    close(fd);
}

static void leaves_off_what_is_too_long(void **state)
{
    char text[NOTIFY_BYTES + 1];
    int fd = manager();

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    notify_open();
    notify_say("%s", text);
    assert_string_equal(heard(fd), "");
    notify_say("%s", text + 1);
    assert_string_equal(heard(fd), text + 1);
    notify_close();
    close(fd);
}

static void names_nobody(void **state)
{
    static const char *const names[] = {"", "@", "/", "relative", "vsock:2:1"};

    (void)state;
    for (size_t i = 0; i < ROWS(names); i++) {
        assert_int_equal(setenv("NOTIFY_SOCKET", names[i], 1), 0);
        notify_open();
        EXPECT(!notify_is_on(), names[i]);
        EXPECT(getenv("NOTIFY_SOCKET") == NULL, names[i]);
    }
    notify_open();
    assert_false(notify_is_on());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_it_is_told),
        cmocka_unit_test(keeps_what_does_not_fit),
        cmocka_unit_test(leaves_off_what_is_too_long),
        cmocka_unit_test(names_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
