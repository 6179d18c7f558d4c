/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the chain, the audit's file and its seal. All but the queue and `next` belongs to one thread: the main one until
 * writer_start() returns, then the writer's own.
 */
#include "proxy/audit/writer.h"

#include "proxy/audit/parts.h"
#include "proxy/audit/seal.h"
#include "proxy/audit/syslog.h"
#include "proxy/audit/tail.h"
#include "proxy/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define OUT_BYTES ((size_t)64 * 1024) /* written with one call; what is written at once is whole or not there */
#define RETRY_MS  1000
#define IDLE_MS   60000 /* how often the thread looks at the file while nothing happens */

static struct writer {
    const struct audit_settings *settings;
    struct line_queue queue;
    pthread_t thread;
    char seal_path[PATH_MAX];
    struct chain_place place;  /* the last line that is written */
    struct chain_place sealed; /* that of the seal */
    uint64_t sealed_ms;
    int fd; /* -1: there is no file, or it could not be opened again */
    int64_t size;
    size_t torn; /* bytes of a piece of a line at the end of the file; 0: none */
    char torn_hash[DIGEST_TEXT];
    const char *changed;  /* how somebody else changed the file, until the chain says so; NULL: nobody did */
    int64_t changed_size; /* what it was before */
    struct line_batch batch;
    size_t at; /* so much of it is written */
    uint64_t lost;
    struct audit_trouble trouble;
    struct audit_trouble seal_trouble;
    char out[OUT_BYTES + 1];

    pthread_mutex_t lock; /* for these */
    dev_t device;         /* of the file */
    ino_t inode;
    int next_fd;      /* opened by writer_reopen(); -1: none */
    bool is_reopened; /* it was the same file */
} writer = {.fd = -1, .next_fd = -1, .lock = PTHREAD_MUTEX_INITIALIZER};

/* -- the file ------------------------------------------------------------------------------------------------------------------
 */

/* Opens and locks it: two processes would break each other's chain. -1 with errno; EBUSY: it is locked. */
static int open_file(const char *path, struct stat *st)
{
    int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
    int error = 0;

    if (fd < 0)
        return -1;
    if (fstat(fd, st) != 0)
        error = errno;
    else if (!S_ISREG(st->st_mode))
        error = EINVAL;
    else if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        error = errno == EWOULDBLOCK ? EBUSY : errno;
    if (error == 0)
        return fd;
    close(fd);
    errno = error;
    return -1;
}

static void take_fd(struct writer *w, int fd)
{
    struct stat st = {0};

    if (w->fd >= 0)
        close(w->fd);
    w->fd = fd;
    w->torn = 0;
    if (fd >= 0)
        (void)fstat(fd, &st);
    w->size = (int64_t)st.st_size;
    pthread_mutex_lock(&w->lock);
    w->device = st.st_dev;
    w->inode = st.st_ino;
    pthread_mutex_unlock(&w->lock);
}

/* False, with errno, if not all could be written: then nothing is there, or `ret_kept` bytes if the file may only grow. */
static bool write_out(struct writer *w, const char *out, size_t length, size_t *ret_kept)
{
    size_t done = 0;
    int error = 0;

    *ret_kept = 0;
    if (w->settings->file == NULL)
        return true;
    if (w->fd < 0) {
        errno = ENOENT;
        return false;
    }
    while (done < length && error == 0) {
        ssize_t n = write(w->fd, out + done, length - done);

        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || errno != EINTR)
            error = n == 0 ? ENOSPC : errno;
    }
    if (error == 0) {
        w->size += (int64_t)length;
        return true;
    }
    if (done > 0 && ftruncate(w->fd, (off_t)w->size) != 0)
        *ret_kept = done;
    errno = error;
    return false;
}

/* -- lines ---------------------------------------------------------------------------------------------------------------------
 */

static void pass_on(const char *lines, size_t length)
{
    for (const char *at = lines, *end = lines + length; at < end;) {
        const char *last = memchr(at, '\n', (size_t)(end - at));

        syslog_put(at, (size_t)(last + 1 - at));
        at = last + 1;
    }
}

/* Seals as many lines as one call may write, from `lines` on; returns the bytes of `lines` that they take. 0 without memory. */
static size_t seal_some(struct writer *w, const char *lines, size_t length, struct chain_place *place, size_t *ret_out)
{
    size_t used = 0, taken = 0;

    while (taken < length && OUT_BYTES - used >= CHAIN_LINE_BYTES) {
        const char *last = memchr(lines + taken, '\n', length - taken);
        size_t body = (size_t)(last - (lines + taken));
        size_t count = chain_seal(place, &w->settings->key, lines + taken, body, w->out + 1 + used);

        if (count == 0)
            break;
        used += count;
        taken += body + 1;
    }
    *ret_out = used;
    return taken;
}

/* The whole lines that the file has kept count as written, and the piece behind them is torn. Returns the bytes of `lines`. */
static size_t keep_part(struct writer *w, const char *lines, const char *out, size_t kept)
{
    const char *last = kept > 0 ? memrchr(out, '\n', kept) : NULL;
    size_t whole = last != NULL ? (size_t)(last + 1 - out) : 0, taken = 0;

    for (const char *at = out, *end; (end = memchr(at, '\n', (size_t)(out + whole - at))) != NULL; at = end + 1) {
        struct chain_line parts;

        if (!chain_read(at, (size_t)(end - at), &parts))
            continue; /* the end of a piece that was there */
        w->place.seq = parts.seq;
        memcpy(w->place.hash, parts.hash, sizeof(parts.hash));
        pass_on(at, (size_t)(end + 1 - at));
        taken += strcspn(lines + taken, "\n") + 1;
    }
    w->size += (int64_t)kept;
    w->torn = kept - whole;
    if (w->torn > 0 && !digest_sha256(out + whole, w->torn, w->torn_hash))
        w->torn_hash[0] = '\0';
    return taken;
}

/* Writes lines; how many bytes of them, also on failure. A piece that the file ends with gets its end first. False, with errno,
 * on failure. */
static bool write_some(struct writer *w, const char *lines, size_t length, size_t *ret_taken)
{
    struct chain_place place = w->place;
    size_t used, taken = seal_some(w, lines, length, &place, &used);
    char *out = w->torn > 0 ? w->out : w->out + 1;
    size_t kept;
    int error;

    w->out[0] = '\n';
    *ret_taken = 0;
    if (taken == 0) {
        errno = ENOMEM;
        return false;
    }
    if (!write_out(w, out, used + (w->torn > 0), &kept)) {
        error = errno;
        if (kept > 0)
            *ret_taken = keep_part(w, lines, out, kept);
        errno = error;
        return false;
    }
    w->torn = 0;
    w->place = place;
    pass_on(w->out + 1, used);
    *ret_taken = taken;
    return true;
}

/* A line of the audit's own, before all that wait. */
static bool write_own(struct writer *w, struct log_line *l)
{
    size_t taken;

    log_fields_end(l);
    return write_some(w, l->text, l->used, &taken);
}

static bool tell_torn(struct writer *w)
{
    struct log_line l;

    audit_line(&l, AUDIT_TORN, AUDIT_FAILED);
    log_number(&l, "bytes", w->torn);
    log_text(&l, "sha256", w->torn_hash);
    return write_own(w, &l);
}

static bool tell_file(struct writer *w)
{
    struct log_line l;

    audit_line(&l, AUDIT_FILE, AUDIT_OK);
    log_text(&l, "file", w->settings->file);
    return write_own(w, &l);
}

static void log_changed(const struct writer *w)
{
    struct log_line l;

    if (!log_begin(&l, LOG_LEVEL_ERROR, "audit_changed"))
        return;
    log_text(&l, "file", w->settings->file);
    log_text(&l, "how", w->changed);
    log_text(&l, "remedy", "find out who did that; run: georelay audit verify");
    log_end(&l);
}

static bool tell_changed(struct writer *w)
{
    struct log_line l;

    audit_line(&l, AUDIT_CHANGED, AUDIT_FAILED);
    log_text(&l, "how", w->changed);
    log_number(&l, "bytes_before", (uint64_t)w->changed_size);
    if (!write_own(w, &l))
        return false;
    w->changed = NULL;
    return true;
}

static bool tell_reopened(struct writer *w)
{
    struct log_line l;

    audit_line(&l, AUDIT_REOPENED, AUDIT_OK);
    return write_own(w, &l);
}

/* -- what happens to the file --------------------------------------------------------------------------------------------------
 */

static void note_changed(struct writer *w, const char *how)
{
    w->changed = how;
    w->changed_size = w->size;
    log_changed(w);
}

/* Another process has made it longer or shorter; the chain goes on behind what there is. */
static void note_resized(struct writer *w, int64_t size)
{
    struct tail tail;

    note_changed(w, size < w->size ? "shortened" : "lengthened");
    w->size = size;
    w->torn = 0;
    if (tail_read(w->settings->file, &w->settings->key, &tail) != 0 || tail.size != size)
        return;
    w->torn = tail.torn;
    memcpy(w->torn_hash, tail.torn_hash, sizeof(tail.torn_hash));
}

static bool open_again(struct writer *w)
{
    struct stat st;
    int fd = open_file(w->settings->file, &st);

    if (fd < 0)
        return false;
    take_fd(w, fd);
    return true;
}

/* The file that was opened after rotation. True if it was the same one. */
static bool take_next(struct writer *w)
{
    bool is_reopened;
    int fd;

    pthread_mutex_lock(&w->lock);
    fd = w->next_fd;
    is_reopened = w->is_reopened;
    w->next_fd = -1;
    w->is_reopened = false;
    pthread_mutex_unlock(&w->lock);
    if (fd >= 0)
        take_fd(w, fd);
    return is_reopened;
}

/* False, with errno, if there is no file to write to. */
static bool look_at_file(struct writer *w)
{
    struct stat st;

    if (w->fd < 0 && !open_again(w))
        return false;
    if (fstat(w->fd, &st) != 0)
        return false;
    if (st.st_nlink == 0) {
        note_changed(w, "removed");
        take_fd(w, -1);
        return open_again(w);
    }
    if ((int64_t)st.st_size != w->size)
        note_resized(w, (int64_t)st.st_size);
    return true;
}

/* Brings the file into order, and says what there is to say of it. False, with errno, if nothing can be written now. */
static bool prepare_file(struct writer *w)
{
    bool is_reopened, is_emptied;

    if (w->settings->file == NULL)
        return true;
    is_reopened = take_next(w);
    if (!look_at_file(w))
        return false;
    is_emptied = w->changed != NULL && strcmp(w->changed, "shortened") == 0;
    if (w->size == 0 && !is_emptied && !tell_file(w))
        return false;
    if ((w->torn > 0 && !tell_torn(w)) || (w->changed != NULL && !tell_changed(w)))
        return false;
    return !is_reopened || tell_reopened(w);
}

/* -- a step --------------------------------------------------------------------------------------------------------------------
 */

static bool tell_lost(struct writer *w)
{
    bool was_trouble = w->trouble.since_ms != 0;
    struct log_line l;

    audit_line(&l, was_trouble ? AUDIT_RESUMED : AUDIT_LOST, AUDIT_FAILED);
    if (was_trouble) {
        log_number(&l, "seconds", (clock_ms() - w->trouble.since_ms) / 1000);
        log_text(&l, "error", w->trouble.error);
    }
    log_number(&l, "lost", w->batch.lost);
    if (!write_own(w, &l))
        return false;
    w->batch.lost = 0;
    (void)audit_trouble_over(&w->trouble);
    return true;
}

/* Writes the whole batch, and behind it what is to be said of it. */
static bool write_batch(struct writer *w)
{
    size_t taken;

    if (!prepare_file(w))
        return false;
    while (w->at < w->batch.length) {
        bool is_whole = write_some(w, w->batch.lines + w->at, w->batch.length - w->at, &taken);

        w->at += taken;
        if (!is_whole)
            return false;
    }
    return (w->batch.lost == 0 && w->trouble.since_ms == 0) || tell_lost(w);
}

static bool is_sealed(const struct writer *w)
{
    return w->place.seq == w->sealed.seq && strcmp(w->place.hash, w->sealed.hash) == 0;
}

/* The seal never says more than what is on the disk. */
static void seal_now(struct writer *w)
{
    w->sealed_ms = clock_ms();
    if ((w->fd >= 0 && fdatasync(w->fd) != 0) || seal_write(w->seal_path, &w->settings->key, &w->place) != 0) {
        audit_trouble(&w->seal_trouble, strerror(errno), 0);
        audit_give_up();
        return;
    }
    w->sealed = w->place;
    (void)audit_trouble_over(&w->seal_trouble);
}

/* Lines are kept as long as there is hope. */
static uint64_t count_lost(struct writer *w, bool is_last)
{
    uint64_t lost = w->batch.lost + line_queue_lost(&w->queue);

    for (size_t i = w->at; is_last && i < w->batch.length; i++)
        lost += w->batch.lines[i] == '\n';
    return lost;
}

static void failed(struct writer *w, int error, bool is_last)
{
    if (is_last)
        w->trouble.may_tell_ms = 0; /* nobody will tell later */
    audit_trouble(&w->trouble, strerror(error), count_lost(w, is_last));
    audit_give_up();
}

/* Until all is written; false if it can't be and the end has come. */
static bool insist(struct writer *w)
{
    while (!write_batch(w)) {
        bool is_last = line_queue_is_stopping(&w->queue);

        failed(w, errno, is_last);
        if (is_last)
            return false;
        line_queue_rest(&w->queue, RETRY_MS);
    }
    return true;
}

static unsigned wait_ms(const struct writer *w)
{
    uint64_t since = clock_ms() - w->sealed_ms;

    if (is_sealed(w))
        return IDLE_MS;
    return since >= SEAL_MS ? 0 : (unsigned)(SEAL_MS - since);
}

static void *writer_main(void *arg)
{
    struct writer *w = arg;
    bool is_last;

    if (!insist(w)) /* what the start could not write */
        return NULL;
    do {
        is_last = line_queue_is_stopping(&w->queue); /* what was put before is in the batch */
        w->batch = line_queue_take(&w->queue, wait_ms(w));
        w->at = 0;
        if (w->batch.lost > 0)
            audit_give_up();
        if (!insist(w))
            break;
        if (!is_sealed(w) && (is_last || clock_ms() - w->sealed_ms >= SEAL_MS))
            seal_now(w);
    } while (!is_last);
    return NULL;
}

/* -- where the chain goes on ---------------------------------------------------------------------------------------------------
 */

/* What the end of the file and the seal say together. NULL: all is well. */
static const char *judge_end(const struct tail *tail, enum seal_state state, const struct chain_place *seal)
{
    if (state == SEAL_WRONG)
        return "the seal was changed, or made with another key";
    if (tail->size > 0 && !tail->has_line)
        return "the last line is none of ours";
    if (tail->has_line && !tail->is_genuine)
        return "the last line was changed, or made with another key";
    if (tail->has_line && state == SEAL_MISSING)
        return "the seal is missing";
    if (tail->has_line && state == SEAL_GOOD && tail->place.seq < seal->seq)
        return "lines are missing at the end";
    if (tail->has_line && state == SEAL_GOOD && tail->place.seq == seal->seq && strcmp(tail->place.hash, seal->hash) != 0)
        return "the last line is not the one that was sealed";
    return NULL;
}

/* The later of the two: so nothing that was cut off can be made good again by going on. */
static void continue_chain(struct writer *w, const struct tail *tail, enum seal_state state, const struct chain_place *seal)
{
    chain_place_first(&w->place);
    if (state == SEAL_GOOD)
        w->place = *seal;
    if (tail->has_line && (tail->place.seq > w->place.seq || state != SEAL_GOOD))
        w->place = tail->place;
}

static void queue_broken(const char *what, const struct tail *tail, enum seal_state state, const struct chain_place *seal)
{
    struct log_line l;

    if (log_begin(&l, LOG_LEVEL_ERROR, "audit_broken")) {
        log_text(&l, "error", what);
        log_text(&l, "remedy", "find out who did that; run: georelay audit verify");
        log_end(&l);
    }
    audit_line(&l, AUDIT_BROKEN, AUDIT_FAILED);
    log_text(&l, "error", what);
    if (tail->has_line)
        log_number(&l, "last", tail->place.seq);
    if (state == SEAL_GOOD)
        log_number(&l, "sealed", seal->seq);
    log_fields_end(&l);
    (void)writer_put(l.text, l.used);
}

/* Reads file and seal, and takes up the chain. -1 with errno. */
static int take_up(struct writer *w, const char **ret_path)
{
    struct chain_place seal = {0};
    enum seal_state state;
    struct tail tail = {0};
    const char *what;

    *ret_path = w->seal_path;
    if (snprintf(w->seal_path, sizeof(w->seal_path), "%s/%s", w->settings->state, SEAL_NAME) >= (int)sizeof(w->seal_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    state = seal_read(w->seal_path, &w->settings->key, &seal);
    if (state == SEAL_UNREAD)
        return -1;
    *ret_path = w->settings->file;
    if (w->settings->file != NULL && tail_read(w->settings->file, &w->settings->key, &tail) != 0)
        return -1;
    continue_chain(w, &tail, state, &seal);
    w->torn = tail.torn;
    memcpy(w->torn_hash, tail.torn_hash, sizeof(tail.torn_hash));
    what = judge_end(&tail, state, &seal);
    if (what != NULL)
        queue_broken(what, &tail, state, &seal);
    return 0;
}

static int open_first(struct writer *w, const char **ret_path)
{
    struct stat st;
    int fd;

    if (w->settings->file == NULL)
        return take_up(w, ret_path);
    *ret_path = w->settings->file;
    fd = open_file(w->settings->file, &st);
    if (fd < 0)
        return -1;
    take_fd(w, fd);
    return take_up(w, ret_path);
}

/* What the file begins or goes on with is written now: who must not go on without an audit does not start without one. */
static int write_first(struct writer *w, const char **ret_path)
{
    w->batch = line_queue_take(&w->queue, 0);
    w->at = 0;
    *ret_path = w->settings->file;
    if (write_batch(w)) {
        *ret_path = w->seal_path;
        if (seal_write(w->seal_path, &w->settings->key, &w->place) == 0) {
            w->sealed = w->place;
            return 0;
        }
    }
    if (w->settings->must_stop)
        return -1;
    failed(w, errno, false);
    return 0; /* the thread goes on trying */
}

static void let_go(struct writer *w)
{
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
    line_queue_fini(&w->queue);
}

int writer_start(const struct audit_settings *settings, const char **ret_path)
{
    struct writer *w = &writer;
    int error;

    w->settings = settings;
    w->trouble = (struct audit_trouble){.what = settings->file != NULL ? settings->file : "chain",
                                        .remedy = "make room on its disk, or mend the rights of the file"};
    w->seal_trouble = (struct audit_trouble){.what = w->seal_path, .remedy = "make room in the state folder, or mend its rights"};
    *ret_path = settings->file;
    if (line_queue_init(&w->queue, AUDIT_QUEUE_BYTES) != 0)
        return -1;
    error = open_first(w, ret_path) == 0 && write_first(w, ret_path) == 0 ? 0 : errno;
    if (error == 0)
        error = audit_thread_start(&w->thread, writer_main, w);
    if (error == 0)
        return 0;
    let_go(w);
    errno = error;
    return -1;
}

static bool is_ours(struct writer *w, const struct stat *st)
{
    bool is_same;

    pthread_mutex_lock(&w->lock);
    is_same = w->device == st->st_dev && w->inode == st->st_ino && w->next_fd < 0;
    pthread_mutex_unlock(&w->lock);
    return is_same;
}

int writer_reopen(void)
{
    struct writer *w = &writer;
    struct stat st;
    int fd = -1;

    if (w->settings->file == NULL)
        return 0;
    if (stat(w->settings->file, &st) != 0 || !is_ours(w, &st)) {
        fd = open_file(w->settings->file, &st);
        if (fd < 0)
            return -1;
    }
    pthread_mutex_lock(&w->lock);
    if (fd >= 0 && w->next_fd >= 0)
        close(w->next_fd);
    if (fd >= 0)
        w->next_fd = fd;
    w->is_reopened = fd < 0;
    pthread_mutex_unlock(&w->lock);
    line_queue_wake(&w->queue);
    return 0;
}

void writer_stop(void)
{
    struct writer *w = &writer;

    line_queue_stop(&w->queue);
    if (audit_thread_join(w->thread))
        let_go(w); /* else it still uses all that; the process ends anyway */
}

bool writer_put(const char *line, size_t length)
{
    return line_queue_put(&writer.queue, line, length);
}
