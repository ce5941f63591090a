package io.gatun.snapshot.layerstore;

import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.Digest;
import java.util.Optional;

/** A file of a layer, by its name in the layer's directory. */
public sealed interface LayerFile {

  /** The mode of all of them. */
  int MODE = 0600;

  /** {@return its name} */
  LinuxPath name();

  /** The uncompressed layer, with zeros up to a whole block of 512 bytes. */
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
   * The record that a blob was read to its end, checked, and is this layer; an empty file.
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
   * The record that not all of the layer need be on the disk, and which blob it is; an empty file.
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

  /** {@return what has this name, if it is one that a file of a layer has} */
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

  /** {@return the diff id of the layer whose directory has this name, if there can be one} */
  static Optional<Digest> diffId(LinuxPath directory) {
    return digest(directory.toString());
  }

  /** {@return the name of a directory in which a layer is made} */
  static LinuxPath inTheMaking(long number) {
    return LinuxPath.of(number + ".new");
  }

  /**
   * {@return whether a directory of this name holds a layer in the making, or what is left of it}
   */
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
