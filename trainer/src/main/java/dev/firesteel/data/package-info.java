/**
 * Prepared text: token shards in Megatron's {@code .bin/.idx} format with a manifest, read at
 * random by memory map, in an order that is a function of the sample's number. Files are named by
 * Hadoop paths, so that they may lie on any of its file systems. Needs Hadoop's client API, Jackson
 * and the packages {@code config} and {@code error}.
 */
package dev.firesteel.data;
