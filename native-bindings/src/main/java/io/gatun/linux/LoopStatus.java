package io.gatun.linux;

/**
 * The file of a loop device: {@code struct loop_info64}, {@code loop(4)}.
 *
 * @param device the file's filesystem, as in {@link FileStatus#device}
 * @param inode the file's inode number
 * @param readOnly whether the device is read-only
 * @param autoClear whether the device is released after its last use
 * @param directIo whether it bypasses the page cache of the file
 */
public record LoopStatus(
    long device, long inode, boolean readOnly, boolean autoClear, boolean directIo) {

  /** {@return whether this is the file of the device} */
  public boolean shows(FileStatus file) {
    return device == file.device() && inode == file.inode();
  }
}
