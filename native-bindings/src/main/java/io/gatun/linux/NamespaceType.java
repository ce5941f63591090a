package io.gatun.linux;

/** Namespaces, {@code namespaces(7)}, and what else of a thread unshare(2) can take apart. */
public enum NamespaceType {
  MOUNT(Abi.CLONE_NEWNS),
  USER(Abi.CLONE_NEWUSER),
  NETWORK(Abi.CLONE_NEWNET),
  PID(Abi.CLONE_NEWPID),
  IPC(Abi.CLONE_NEWIPC),
  UTS(Abi.CLONE_NEWUTS),
  /**
   * No namespace: root, working directory and umask, which threads of a process otherwise share.
   */
  FILESYSTEM_ATTRIBUTES(Abi.CLONE_FS);

  final int bits;

  NamespaceType(int bits) {
    this.bits = bits;
  }
}
