package io.gatun.linux;

/** Propagation of mounts and unmounts, {@code mount_namespaces(7)}. */
public enum Propagation {
  PRIVATE(Abi.MS_PRIVATE),
  SHARED(Abi.MS_SHARED),
  SLAVE(Abi.MS_SLAVE),
  UNBINDABLE(Abi.MS_UNBINDABLE);

  final int bits;

  Propagation(int bits) {
    this.bits = bits;
  }
}
