package io.gatun.snapshot.metadata.journal;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.zip.CRC32C;

/** A change of metadata files between two starts. */
sealed interface Damage {

  /** {@return the files after the damage} */
  MetadataImage of(MetadataImage image);

  /** The file ends early. */
  record Truncated(String file, int length) implements Damage {
    @Override
    public MetadataImage of(MetadataImage image) {
      return image.with(file, Arrays.copyOf(image.bytes(file), length));
    }
  }

  /** One bit is flipped. */
  record BitFlipped(String file, int offset, int bit) implements Damage {
    @Override
    public MetadataImage of(MetadataImage image) {
      byte[] bytes = image.bytes(file);
      bytes[offset] ^= (byte) (1 << bit);
      return image.with(file, bytes);
    }
  }

  /** A range is zeroed. */
  record ZeroFilled(String file, int from, int to) implements Damage {
    @Override
    public MetadataImage of(MetadataImage image) {
      byte[] bytes = image.bytes(file);
      Arrays.fill(bytes, from, to, (byte) 0);
      return image.with(file, bytes);
    }
  }

  /** A range is filled with one non-zero byte. */
  record Overwritten(String file, int from, int to, byte with) implements Damage {
    @Override
    public MetadataImage of(MetadataImage image) {
      byte[] bytes = image.bytes(file);
      Arrays.fill(bytes, from, to, with);
      return image.with(file, bytes);
    }
  }

  /** Bytes are appended. */
  record Extended(String file, int length, byte with) implements Damage {
    @Override
    public MetadataImage of(MetadataImage image) {
      byte[] bytes = image.bytes(file);
      byte[] longer = Arrays.copyOf(bytes, bytes.length + length);
      Arrays.fill(longer, bytes.length, longer.length, with);
      return image.with(file, longer);
    }
  }

  /** The file is missing. */
  record Deleted(String file) implements Damage {
    @Override
    public MetadataImage of(MetadataImage image) {
      return image.without(file);
    }
  }

  /** Two files have swapped names. */
  record FilesSwapped(String one, String other) implements Damage {
    @Override
    public MetadataImage of(MetadataImage image) {
      return image.with(one, image.bytes(other)).with(other, image.bytes(one));
    }
  }

  /** Two frames, of one file or two, have swapped places; the data between them moves. */
  record FramesSwapped(
      String file, MetadataImage.Span first, String otherFile, MetadataImage.Span second)
      implements Damage {
    @Override
    public MetadataImage of(MetadataImage image) {
      byte[] one = image.bytes(file);
      if (!file.equals(otherFile)) {
        byte[] other = image.bytes(otherFile);
        return image
            .with(file, replaced(one, first, other, second))
            .with(otherFile, replaced(other, second, one, first));
      }
      ByteBuffer swapped = ByteBuffer.allocate(one.length);
      swapped.put(one, 0, first.from());
      swapped.put(one, second.from(), second.to() - second.from());
      swapped.put(one, first.to(), second.from() - first.to());
      swapped.put(one, first.from(), first.to() - first.from());
      swapped.put(one, second.to(), one.length - second.to());
      return image.with(file, swapped.array());
    }

    private static byte[] replaced(
        byte[] file, MetadataImage.Span gone, byte[] from, MetadataImage.Span taken) {
      int length = taken.to() - taken.from();
      ByteBuffer all = ByteBuffer.allocate(file.length - (gone.to() - gone.from()) + length);
      all.put(file, 0, gone.from());
      all.put(from, taken.from(), length);
      all.put(file, gone.to(), file.length - gone.to());
      return all.array();
    }
  }

  /** A later Gatun wrote the file, which is intact. */
  record OfLaterVersion(String file, int bytes, int version) implements Damage {
    @Override
    public MetadataImage of(MetadataImage image) {
      ByteBuffer content = ByteBuffer.wrap(image.bytes(file));
      content.putInt(Preamble.VERSION_OFFSET, version).putInt(12, 0);
      CRC32C crc = new CRC32C();
      crc.update(content.slice(0, bytes));
      content.putInt(12, (int) crc.getValue());
      return image.with(file, content.array());
    }
  }
}
