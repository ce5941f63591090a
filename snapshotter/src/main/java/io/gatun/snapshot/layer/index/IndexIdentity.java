package io.gatun.snapshot.layer.index;

import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.layer.entry.InheritedAttributes;
import io.gatun.snapshot.layer.erofs.IndexForm;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;

/**
 * Hashes everything that an index depends on (layer, form and inherited attributes) into its UUID.
 * Two indexes have the same UUID if and only if they are the same.
 */
final class IndexIdentity {

  /**
   * To be changed whenever the same layer would get a different index. Code that compares stored
   * indexes with rebuilt ones then has to know the earlier versions.
   */
  private static final String VERSION = "gatun index 3";

  private static final int UUID_BYTES = 16;

  private final MessageDigest hash = Digest.sha256();

  /**
   * @param top attributes of the layer's root directory
   */
  IndexIdentity(IndexForm form, InheritedAttributes top) {
    addText(VERSION);
    addText(form.name());
    add(LinuxPath.EMPTY, Optional.of(top));
  }

  /** Adds the attributes that a directory inherited, or that it inherited none. */
  void add(LinuxPath path, Optional<InheritedAttributes> inherited) {
    addBytes(path.bytes());
    hash.update((byte) (inherited.isPresent() ? 1 : 0));
    if (inherited.isPresent()) {
      InheritedAttributes attributes = inherited.get();
      addNumber(attributes.mode());
      addNumber(attributes.uid());
      addNumber(attributes.gid());
      addNumber(attributes.modified().seconds());
      addNumber(attributes.modified().nanos());
      addNumber(attributes.xattrs().size());
      for (Map.Entry<LinuxPath, byte[]> xattr : attributes.xattrs().entrySet()) {
        addBytes(xattr.getKey().bytes());
        addBytes(xattr.getValue());
      }
    }
  }

  /** {@return the UUID, version 8 of RFC 9562; may be called once} */
  byte[] uuid(Digest diffId) {
    addText(diffId.text());
    byte[] uuid = Arrays.copyOf(hash.digest(), UUID_BYTES);
    uuid[6] = (byte) ((uuid[6] & 0x0f) | 0x80);
    uuid[8] = (byte) ((uuid[8] & 0x3f) | 0x80);
    return uuid;
  }

  private void addText(String text) {
    addBytes(text.getBytes(StandardCharsets.US_ASCII));
  }

  private void addBytes(byte[] bytes) {
    addNumber(bytes.length);
    hash.update(bytes);
  }

  private void addNumber(long number) {
    hash.update(ByteBuffer.allocate(Long.BYTES).putLong(0, number));
  }
}
