package io.gatun.snapshot.root;

import io.gatun.linux.Fd;

/**
 * The disk that there is, without waiting for it: for tests that are about everything but what
 * survives a power cut, and that do too much to wait.
 */
public final class UnsyncedDisk extends ForwardingDisk {

  public UnsyncedDisk() {
    super(new LinuxDisk());
  }

  @Override
  public void startWriteback(Fd file, long offset, long length) {}

  @Override
  public void sync(Fd file) {}

  @Override
  public void syncData(Fd file) {}

  @Override
  public void syncFilesystem(Fd any) {}
}
