package io.gatun.server.crash;

import io.gatun.proto.types.Descriptor;

/**
 * A layer in containerd's content store.
 *
 * @param descriptor its descriptor
 * @param diffId the digest of its tar
 * @param files the content of a snapshot with this layer
 */
record Layer(Descriptor descriptor, String diffId, TreeDigest files) {}
