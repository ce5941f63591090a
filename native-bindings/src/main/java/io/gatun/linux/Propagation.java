package io.gatun.linux;

/** Which mounts and unmounts one mount shares with others, {@code mount_namespaces(7)}. */
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
