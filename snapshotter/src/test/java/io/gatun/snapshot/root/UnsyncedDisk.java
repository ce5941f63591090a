package io.gatun.snapshot.root;

import io.gatun.linux.Fd;

/**
 * The real disk without syncs: for tests that do not concern power failures and write too much to
 * wait.
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
