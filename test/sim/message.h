/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulator's own protocol, on links and advises alike (README.md in this folder has the picture).
 *
 * A message is a header of 64 bytes, a name and a payload. Two CRC-32 values cover every byte of it: one the header, one the
 * name and the payload. The payload of a request, answer or alarm is a pattern that follows from the
 * application, the type, the link and the sequence number: right bytes in a wrong place are noticed too.
 * The sums of a HELLO leave out where its port may stand, since a relay between may write another one there.
 */
#ifndef GEOSIM_MESSAGE_H
#define GEOSIM_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MESSAGE_HEADER      64
#define MESSAGE_NAME_MAX    63
#define MESSAGE_PAYLOAD_MAX 16777216

enum message_type {
    MESSAGE_HELLO = 1,    /* link, client: who I am; argument = my advise port (0: none); payload = announced address as text */
    MESSAGE_WELCOME,      /* link, server: taken */
    MESSAGE_REQUEST,      /* link, client: numbered from 1 per connection; argument = wanted payload bytes of the answer */
    MESSAGE_ANSWER,       /* link, server: to the request of this number; time = the request's */
    MESSAGE_ALARM,        /* advise, server (modern: first link): numbered from 1 per application */
    MESSAGE_ACK,          /* same connection, client: every alarm up to this number came */
    MESSAGE_ADVISE_HELLO, /* advise, server: for which application */
    MESSAGE_ADVISE_READY, /* advise, client: sequence = every alarm up to this number came */
    MESSAGE_FINISH,       /* first link, client: make no more alarms for me */
    MESSAGE_FINISHED,     /* first link, server: sequence = number of the last alarm made */
    MESSAGE_PARTING,      /* link, client, after the server's FIN: sequence = requests sent on this connection */
    MESSAGE_TYPES
};

#define MESSAGE_ANNOUNCES 1u  /* HELLO: this is the application's first link; its port counts */
#define MESSAGE_RESEND    2u  /* ALARM: was sent before on an advise that broke */
#define MESSAGE_MODERN    4u  /* HELLO: alarms are to come on this link */
#define MESSAGE_LITTLE    8u  /* HELLO: the port is the first two bytes of the argument, the lower one first */
#define MESSAGE_TEXT      16u /* HELLO: the port stands in the payload, "ADDRESS port=N;" */

struct message {
    enum message_type type;
    unsigned flags;
    uint32_t link; /* number of the link within the application, from 0 */
    uint32_t argument;
    uint64_t application, instance; /* random numbers of the client application and of the server's life */
    uint64_t sequence, time_ns;     /* CLOCK_MONOTONIC */
    const char *name;               /* borrowed; not terminated */
    size_t name_len;
    const uint8_t *payload; /* borrowed; NULL when writing: the pattern */
    size_t payload_len;
    bool is_intact; /* when parsed: CRC of name and payload are right, and so is the pattern where there is one */
};

/**
 * Parse one message from the start of bytes[0..len).
 * Returns its length (look at m->is_intact), 0 when more bytes are needed, or -1 when no header of ours stands here.
 */
long message_parse(const uint8_t *bytes, size_t len, struct message *m);

/** The bytes message_write() will need. */
size_t message_length(const struct message *m);

/** Write the message to `to`. */
void message_write(uint8_t *to, const struct message *m);

/** The advise port that a HELLO announces; 0: none. */
unsigned message_port(const struct message *hello);

/** CRC-32 (IEEE 802.3), continued from `crc`; begin with 0. */
uint32_t crc32_add(uint32_t crc, const uint8_t *bytes, size_t len);

#endif
