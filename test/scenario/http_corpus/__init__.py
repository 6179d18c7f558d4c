# SPDX-License-Identifier: Apache-2.0
"""Malformed, ambiguous and odd requests, written from RFC 9110, RFC 9112 and published research on request smuggling.

Linhart, Klein, Heled, Orrin 2005 (HTTP Request Smuggling); Regilero 2015-2019; Kettle 2018-2025 (HTTP Desync Attacks and what
followed); Davison 2019 (hop-by-hop abuse); Klein 2020; Defparam 2020 (smuggler); Schaeffer 2020 (h2c); Heyes, Kettle 2022
(browser-powered desync, CL.0); Weikop 2025 (funky chunks).
"""
from . import chunks, fields, lengths, mutations, pipelines, start_lines

CASES = start_lines.CASES + fields.CASES + lengths.CASES + chunks.CASES + mutations.CASES + pipelines.CASES
