package io.gatun.snapshot.layerstore;

import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.Digest;
import java.util.Optional;

/** A file in the directory of a layer. */
public sealed interface LayerFile {

  /** The mode of all files. */
  int MODE = 0600;

  /** {@return its name} */
  LinuxPath name();

  /** The uncompressed layer, padded with zeros to a whole block of 512 bytes. */
  record Tar() implements LayerFile {
    static final Tar TAR = new Tar();

    @Override
    public LinuxPath name() {
      return LinuxPath.of("tar");
    }
  }

  /**
   * An index of the tar.
   *
   * @param digest of its content
   */
  record Index(Digest digest) implements LayerFile {
    private static final String PREFIX = "index-";

    @Override
    public LinuxPath name() {
      return LinuxPath.of(PREFIX + digest.hex());
    }
  }

  /**
   * Records that a blob was read to its end, verified and found to contain this layer; an empty
   * file.
   *
   * @param digest of the blob
   */
  record Blob(Digest digest) implements LayerFile {
    private static final String PREFIX = "blob-";

    @Override
    public LinuxPath name() {
      return LinuxPath.of(PREFIX + digest.hex());
    }
  }

  /**
   * Records that the layer may not be fully durable, and which blob contains it; an empty file.
   *
   * @param digest of the blob
   */
  record Unsynced(Digest digest) implements LayerFile {
    private static final String PREFIX = "unsynced-";

    @Override
    public LinuxPath name() {
      return LinuxPath.of(PREFIX + digest.hex());
    }
  }

  /** {@return the layer file with this name, if the name is one} */
  static Optional<LayerFile> of(LinuxPath name) {
    String text = name.toString();
    if (name.equals(Tar.TAR.name())) {
      return Optional.of(Tar.TAR);
    }
    if (text.startsWith(Index.PREFIX)) {
      return digest(text.substring(Index.PREFIX.length())).map(Index::new);
    }
    if (text.startsWith(Blob.PREFIX)) {
      return digest(text.substring(Blob.PREFIX.length())).map(Blob::new);
    }
    if (text.startsWith(Unsynced.PREFIX)) {
      return digest(text.substring(Unsynced.PREFIX.length())).map(Unsynced::new);
    }
    return Optional.empty();
  }

  /** {@return the diff id of the layer directory with this name, if the name is one} */
  static Optional<Digest> diffId(LinuxPath directory) {
    return digest(directory.toString());
  }

  static LinuxPath inTheMaking(long number) {
    return LinuxPath.of(number + ".new");
  }

  static boolean isInTheMaking(LinuxPath directory) {
    return directory.toString().endsWith(".new");
  }

  private static Optional<Digest> digest(String hex) {
    try {
      return Optional.of(Digest.ofHex(hex));
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }
}
