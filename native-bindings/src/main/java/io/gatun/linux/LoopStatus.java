package io.gatun.linux;

/**
 * What a loop device shows: {@code struct loop_info64}, {@code loop(4)}.
 *
 * @param device the filesystem that the file is on, as in {@link FileStatus#device}
 * @param inode the number of the file there
 * @param readOnly whether nobody can write to it
 * @param autoClear whether it is free again when nobody uses it
 * @param directIo whether the pages of the file are not cached beside its own
 */
public record LoopStatus(
    long device, long inode, boolean readOnly, boolean autoClear, boolean directIo) {

  /** {@return whether this file is what it shows} */
  public boolean shows(FileStatus file) {
    return device == file.device() && inode == file.inode();
  }
}
