/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the form of the seal: "seal=1 seq=N last=<hash of line N> hash=<of all before>", with mac= where there is a key. */
#include "proxy/audit/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SEAL_BYTES = 320 };

/* Returns its length, without the newline that ends it; 0 without memory. */
static size_t compose(const struct audit_key *key, const struct chain_place *place, char text[SEAL_BYTES])
{
    char hash[DIGEST_TEXT];
    size_t used = (size_t)snprintf(text, SEAL_BYTES, "seal=1 seq=%" PRIu64 " last=%s", place->seq, place->hash);

    if (!chain_hash(key, text, used, hash))
        return 0;
    return used + (size_t)snprintf(text + used, SEAL_BYTES - used, " %s=%s\n", key->length > 0 ? "mac" : "hash", hash);
}

enum seal_state seal_read(const char *path, const struct audit_key *key, struct chain_place *ret)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    char text[SEAL_BYTES], wanted[SEAL_BYTES];
    struct chain_place place;
    ssize_t n;

    if (fd < 0)
        return errno == ENOENT ? SEAL_MISSING : SEAL_UNREAD;
    n = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (n < 0)
        return SEAL_UNREAD;
    text[n] = '\0';
    if (!chain_field_number(text, (size_t)n, "seq", &place.seq) || !chain_field_hash(text, (size_t)n, "last", place.hash))
        return SEAL_WRONG;
    if (compose(key, &place, wanted) != (size_t)n || memcmp(text, wanted, (size_t)n) != 0)
        return SEAL_WRONG;
    *ret = place;
    return SEAL_GOOD;
}

static int write_whole(const char *path, const char *text, size_t length)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
    int error = 0;
    ssize_t n;

    if (fd < 0)
        return -1;
    n = write(fd, text, length);
    if (n < 0 || fsync(fd) != 0)
        error = errno;
    else if ((size_t)n != length)
        error = ENOSPC;
    close(fd);
    errno = error;
    return error == 0 ? 0 : -1;
}

int seal_write(const char *path, const struct audit_key *key, const struct chain_place *place)
{
    char text[SEAL_BYTES], fresh[PATH_MAX];
    size_t length = compose(key, place, text);
    int error;

    errno = length == 0 ? ENOMEM : ENAMETOOLONG;
    if (length == 0 || snprintf(fresh, sizeof(fresh), "%s.new", path) >= (int)sizeof(fresh))
        return -1;
    if (write_whole(fresh, text, length) == 0 && rename(fresh, path) == 0)
        return 0;
    error = errno;
    (void)unlink(fresh);
    errno = error;
    return -1;
}
