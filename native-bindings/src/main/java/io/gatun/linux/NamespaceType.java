package io.gatun.linux;

/** Namespaces, {@code namespaces(7)}, and other thread attributes that unshare(2) can separate. */
public enum NamespaceType {
  MOUNT(Abi.CLONE_NEWNS),
  USER(Abi.CLONE_NEWUSER),
  NETWORK(Abi.CLONE_NEWNET),
  PID(Abi.CLONE_NEWPID),
  IPC(Abi.CLONE_NEWIPC),
  UTS(Abi.CLONE_NEWUTS),
  /**
   * Not a namespace: root, working directory and umask, which the threads of a process otherwise
   * share.
   */
  FILESYSTEM_ATTRIBUTES(Abi.CLONE_FS);

  final int bits;

  NamespaceType(int bits) {
    this.bits = bits;
  }
}
