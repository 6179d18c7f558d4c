/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The named counters of this machine's nftables, as "nft list counters" tells them. Only those of tables whose name begins with
 * "georelay" are taken (georelay firewall makes them). Blocks (child.h). For commands.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define NFT_COUNTERS_MAX 256
#define NFT_NAME         64

struct nft_counter {
    char family[NFT_NAME];
    char table[NFT_NAME];
    char name[NFT_NAME];
    uint64_t packets;
};

struct nft_counters {
    struct nft_counter list[NFT_COUNTERS_MAX];
    size_t count;
    char problem[160];  /**< why they could not be read */
    const char *remedy; /**< what would let them be read */
};

/** Takes what nft prints. 0, or -1 if there are more than NFT_COUNTERS_MAX or the text is of another form, with the `problem`
 * set. */
int nft_counters_parse(struct nft_counters *c, FILE *text);

/** Asks nft, in the network namespace of this command. 0, or -1 with `problem` and `remedy` set. */
int nft_counters_read(struct nft_counters *c);
