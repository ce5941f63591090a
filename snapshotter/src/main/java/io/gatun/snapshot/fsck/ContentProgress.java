package io.gatun.snapshot.fsck;

/** Is told how far the content of layers has been read. */
@FunctionalInterface
public interface ContentProgress {

  /**
   * @param bytes that have been read
   * @param ofBytes that there are to read in all
   */
  void read(long bytes, long ofBytes);
}
