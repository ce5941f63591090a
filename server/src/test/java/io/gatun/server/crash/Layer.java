package io.gatun.server.crash;

import io.gatun.proto.types.Descriptor;

/**
 * A layer that containerd has.
 *
 * @param descriptor what it is asked for by
 * @param diffId the digest of its tar
 * @param files what is in a snapshot that it was unpacked into
 */
record Layer(Descriptor descriptor, String diffId, TreeDigest files) {}
