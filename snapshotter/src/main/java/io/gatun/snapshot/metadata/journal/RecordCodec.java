package io.gatun.snapshot.metadata.journal;

import io.gatun.snapshot.Digest;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.LayerForm;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.Usage;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The encoding of a {@link SnapshotRecord} in the journal, in checkpoints and in the index.
 *
 * <pre>
 *   offset  size
 *        0     1  version of this encoding, 1
 *        1     1  kind: 1 view, 2 active, 3 committed
 *        2     1  form of the layer: 1 directory, 2 indexed
 *        3     1  flags: bit 0 set if the usage is known; the others are 0
 *        4     8  id
 *       12     8  id of the parent, 0 for none
 *       20    12  created: seconds since 1970 (8), nanoseconds (4)
 *       32    12  updated, likewise
 *       44   0/16 usage, if bit 0 of the flags is set: inodes (8), bytes (8)
 *        -   0/64 if the layer is indexed: its diff id (32), digest of the index (32), both sha256
 *        -   4+n  name: length in bytes, UTF-8
 *        -   4+n  name of the parent, likewise; empty for none
 *        -     4  number of labels, and for each, by ascending key:
 *        -   4+n    key, likewise
 *        -   4+n    value, likewise
 * </pre>
 *
 * <p>Numbers are big-endian. A record has exactly one encoding: equal records have equal bytes. An
 * extension gets a new version number, kind, form or flag, which earlier versions refuse; later
 * versions still read this encoding.
 */
public final class RecordCodec {

  /**
   * The maximum size of a record: two names of the maximum length and about fifty of the largest
   * labels.
   */
  public static final int ENCODED_BYTES_MAX = 256 << 10;

  /** The longest name in containerd's requests. */
  public static final int NAME_BYTES_MAX = 32_768;

  static final int VERSION = 1;

  private static final int FLAG_USAGE = 1;
  private static final byte FORM_DIRECTORY = 1;
  private static final byte FORM_INDEXED = 2;
  private static final int ID_OFFSET = 4;
  private static final int FIXED_BYTES = 44;
  private static final int USAGE_BYTES = 16;
  private static final int DIGEST_BYTES = 32;
  private static final int LENGTH_BYTES = 4;
  private static final int NANOS_PER_SECOND = 1_000_000_000;
  private static final int ABBREVIATED_CHARS = 200;

  private RecordCodec() {}

  /**
   * {@return the encoding of a record}
   *
   * @throws SnapshotException.InvalidArgument if it is too large, or a string is not valid Unicode
   */
  public static byte[] encode(SnapshotRecord record) {
    byte[] name = nameBytes(record.name());
    List<byte[]> strings = new ArrayList<>(2 + 2 * record.labels().size());
    strings.add(name);
    strings.add(nameBytes(record.parent()));
    new TreeMap<>(record.labels())
        .forEach(
            (key, value) -> {
              strings.add(utf8("label", key));
              strings.add(utf8("label " + key, value));
            });
    Usage usage = record.usage();
    long size = (long) FIXED_BYTES + (usage == null ? 0 : USAGE_BYTES) + LENGTH_BYTES;
    if (record.form() instanceof LayerForm.Indexed) {
      size += 2 * DIGEST_BYTES;
    }
    for (byte[] string : strings) {
      size += LENGTH_BYTES + string.length;
    }
    if (size > ENCODED_BYTES_MAX) {
      throw new SnapshotException.InvalidArgument(
          "snapshot %s takes %d bytes with its labels; at most %d are allowed"
              .formatted(abbreviated(record.name()), size, ENCODED_BYTES_MAX));
    }
    ByteBuffer out = ByteBuffer.allocate((int) size);
    out.put((byte) VERSION);
    out.put(codeOf(record.kind()));
    out.put(codeOf(record.form()));
    out.put((byte) (usage == null ? 0 : FLAG_USAGE));
    out.putLong(record.id()).putLong(record.parentId());
    putInstant(out, record.created());
    putInstant(out, record.updated());
    if (usage != null) {
      out.putLong(usage.inodes()).putLong(usage.sizeBytes());
    }
    if (record.form() instanceof LayerForm.Indexed(Digest diffId, Digest index)) {
      putDigest(out, diffId);
      putDigest(out, index);
    }
    int index = 0;
    for (byte[] string : strings) {
      if (index == 2) {
        out.putInt(record.labels().size());
      }
      out.putInt(string.length).put(string);
      index++;
    }
    if (index == 2) {
      out.putInt(0);
    }
    return out.array();
  }

  /** {@return the id in an encoding, which must be long enough to contain it} */
  public static long idOf(byte[] encoding) {
    return ByteBuffer.wrap(encoding).getLong(ID_OFFSET);
  }

  /**
   * {@return the decoded record}
   *
   * @throws MalformedException if the bytes are not a record
   */
  public static SnapshotRecord decode(byte[] encoding) throws MalformedException {
    ByteBuffer in = ByteBuffer.wrap(encoding);
    try {
      int version = in.get();
      if (version != VERSION) {
        throw MalformedException.ofLaterVersion(
            "a record has encoding version %d; only %d is known".formatted(version, VERSION));
      }
      Kind kind = kindOf(in.get());
      byte form = in.get();
      requireForm(form);
      int flags = in.get();
      if ((flags & ~FLAG_USAGE) != 0) {
        throw MalformedException.ofLaterVersion(
            "a record has flags %d; only %d is known".formatted(flags, FLAG_USAGE));
      }
      long id = in.getLong();
      long parentId = in.getLong();
      Instant created = getInstant(in);
      Instant updated = getInstant(in);
      Usage usage = flags == FLAG_USAGE ? new Usage(in.getLong(), in.getLong()) : null;
      LayerForm layer = getLayer(in, form);
      String name = getString(in);
      String parent = getString(in);
      Map<String, String> labels = getLabels(in);
      if (in.hasRemaining()) {
        throw new MalformedException(
            "record %d is followed by %d extra bytes".formatted(id, in.remaining()));
      }
      return new SnapshotRecord(
          id, kind, name, parent, parentId, labels, created, updated, usage, layer);
    } catch (BufferUnderflowException e) {
      throw new MalformedException(
          "a record ends too early, after %d bytes".formatted(in.limit()), e);
    } catch (IllegalArgumentException e) {
      throw new MalformedException("a record contradicts itself: " + e.getMessage(), e);
    }
  }

  /**
   * {@return the UTF-8 form of a snapshot's name}
   *
   * @throws SnapshotException.InvalidArgument if it is too long or not valid Unicode
   */
  public static byte[] nameBytes(String name) {
    byte[] bytes = utf8("name", name);
    if (bytes.length > NAME_BYTES_MAX) {
      throw new SnapshotException.InvalidArgument(
          "name %s takes %d bytes; at most %d are allowed"
              .formatted(abbreviated(name), bytes.length, NAME_BYTES_MAX));
    }
    return bytes;
  }

  /** Rejects unpaired surrogates, which would map different strings to the same bytes. */
  private static byte[] utf8(String what, String text) {
    if (hasUnpairedSurrogate(text)) {
      throw new SnapshotException.InvalidArgument(
          "%s %s is not valid Unicode: it has an unpaired surrogate"
              .formatted(what, abbreviated(text)));
    }
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static boolean hasUnpairedSurrogate(String text) {
    for (int i = 0; i < text.length(); i++) {
      if (Character.isSurrogate(text.charAt(i))) {
        boolean isPair =
            i + 1 < text.length() && Character.isSurrogatePair(text.charAt(i), text.charAt(i + 1));
        if (!isPair) {
          return true;
        }
        i++;
      }
    }
    return false;
  }

  /** {@return the text, shortened to fit into a message} */
  public static String abbreviated(String text) {
    return text.length() <= ABBREVIATED_CHARS ? text : text.substring(0, ABBREVIATED_CHARS) + "...";
  }

  private static void putInstant(ByteBuffer out, Instant instant) {
    out.putLong(instant.getEpochSecond()).putInt(instant.getNano());
  }

  private static Instant getInstant(ByteBuffer in) throws MalformedException {
    long seconds = in.getLong();
    int nanos = in.getInt();
    if (nanos < 0 || nanos >= NANOS_PER_SECOND) {
      throw new MalformedException("a record has a time with %d nanoseconds".formatted(nanos));
    }
    try {
      return Instant.ofEpochSecond(seconds, nanos);
    } catch (DateTimeException e) {
      throw new MalformedException("a record has a time of %d seconds".formatted(seconds), e);
    }
  }

  private static String getString(ByteBuffer in) throws MalformedException {
    int length = in.getInt();
    if (length < 0 || length > in.remaining()) {
      throw new MalformedException(
          "a record has a string of %d bytes with %d left".formatted(length, in.remaining()));
    }
    ByteBuffer bytes = in.slice(in.position(), length);
    in.position(in.position() + length);
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(bytes).toString();
    } catch (CharacterCodingException e) {
      throw new MalformedException("a record has a string that is not valid UTF-8", e);
    }
  }

  private static Map<String, String> getLabels(ByteBuffer in) throws MalformedException {
    int count = in.getInt();
    // A label takes at least two lengths; this bounds the allocation for a damaged count.
    if (count < 0 || count > in.remaining() / (2 * LENGTH_BYTES)) {
      throw new MalformedException("a record has %d labels".formatted(count));
    }
    if (count == 0) {
      return Map.of();
    }
    Map<String, String> labels = HashMap.newHashMap(count);
    String previous = null;
    for (int i = 0; i < count; i++) {
      String key = getString(in);
      if (previous != null && previous.compareTo(key) >= 0) {
        throw new MalformedException("a record has labels out of order");
      }
      labels.put(key, getString(in));
      previous = key;
    }
    return labels;
  }

  private static byte codeOf(Kind kind) {
    return switch (kind) {
      case VIEW -> 1;
      case ACTIVE -> 2;
      case COMMITTED -> 3;
    };
  }

  private static Kind kindOf(byte code) throws MalformedException {
    return switch (code) {
      case 1 -> Kind.VIEW;
      case 2 -> Kind.ACTIVE;
      case 3 -> Kind.COMMITTED;
      default ->
          throw MalformedException.ofLaterVersion(
              "a record has kind %d, which is not known".formatted(code));
    };
  }

  private static byte codeOf(LayerForm form) {
    return switch (form) {
      case LayerForm.Directory _ -> FORM_DIRECTORY;
      case LayerForm.Indexed _ -> FORM_INDEXED;
    };
  }

  private static void requireForm(byte code) throws MalformedException {
    if (code != FORM_DIRECTORY && code != FORM_INDEXED) {
      throw MalformedException.ofLaterVersion(
          "a record has form %d, which is not known".formatted(code));
    }
  }

  private static LayerForm getLayer(ByteBuffer in, byte form) {
    return form == FORM_INDEXED
        ? new LayerForm.Indexed(getDigest(in), getDigest(in))
        : new LayerForm.Directory();
  }

  private static void putDigest(ByteBuffer out, Digest digest) {
    out.put(HexFormat.of().parseHex(digest.hex()));
  }

  private static Digest getDigest(ByteBuffer in) {
    byte[] bytes = new byte[DIGEST_BYTES];
    in.get(bytes);
    return Digest.ofHex(HexFormat.of().formatHex(bytes));
  }
}
