package io.gatun.snapshot.metadata.journal;

import io.gatun.snapshot.metadata.journal.MetadataImage.Span;
import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;

/** Damage of every kind to every file at every class of offsets. */
final class Damages {

  /** A scenario and damage to its files. */
  record Case(Scenario scenario, Damage damage) {}

  /** The class of an offset. */
  enum Place {
    HEADER,
    BEHIND_HEADER,
    FRAME_LENGTH,
    FRAME_CHECKSUM,
    FRAME_SEQUENCE,
    PAYLOAD,
    ANYWHERE_IN_FRAME,
    TAIL,
    ANYWHERE
  }

  private static final int HEADER_BYTES = 48;
  private static final int LENGTH_MAX = 3 * 4096;

  private final MetadataImage image;

  private Damages(Scenario scenario) {
    this.image = scenario.left().image();
  }

  static Arbitrary<Case> all() {
    return Arbitraries.of(Scenario.values())
        .flatMap(scenario -> new Damages(scenario).any().map(damage -> new Case(scenario, damage)));
  }

  /** {@return the size of the block that contains the version of a file; 0 if it has none} */
  static int preambleBytes(String file) {
    if (file.matches("(journal|checkpoint)-[0-9]+")) {
      return FileHeader.BYTES;
    }
    return switch (file) {
      case MetadataFile.ACKNOWLEDGED -> 40;
      case MetadataFile.CLEAN -> 112;
      default -> 0;
    };
  }

  private Arbitrary<Damage> any() {
    Arbitrary<String> file = Arbitraries.of(image.files().keySet());
    Arbitrary<Byte> letter = Arbitraries.bytes().between((byte) 1, Byte.MAX_VALUE);
    Arbitrary<Integer> length = Arbitraries.integers().between(1, LENGTH_MAX);
    return Arbitraries.oneOf(
        List.of(
            file.flatMap(
                name -> offset(name).map(offset -> (Damage) new Damage.Truncated(name, offset))),
            file.flatMap(
                name ->
                    Combinators.combine(offset(name), Arbitraries.integers().between(0, 7))
                        .as((offset, bit) -> new Damage.BitFlipped(name, offset, bit))),
            file.flatMap(
                name ->
                    Combinators.combine(offset(name), length)
                        .as(
                            (offset, more) ->
                                new Damage.ZeroFilled(name, offset, end(name, offset, more)))),
            file.flatMap(
                name ->
                    Combinators.combine(offset(name), length, letter)
                        .as(
                            (offset, more, with) ->
                                new Damage.Overwritten(
                                    name, offset, end(name, offset, more), with))),
            Combinators.combine(file, length, letter).as(Damage.Extended::new),
            file.map(Damage.Deleted::new),
            Combinators.combine(file, file)
                .filter((one, other) -> !one.equals(other))
                .as(Damage.FilesSwapped::new),
            framesSwapped(),
            laterVersion()));
  }

  private int end(String name, int offset, int length) {
    return Math.min(offset + length, image.bytes(name).length);
  }

  private Arbitrary<Damage> laterVersion() {
    List<String> versioned =
        image.files().keySet().stream().filter(name -> preambleBytes(name) > 0).toList();
    return Combinators.combine(Arbitraries.of(versioned), Arbitraries.integers().between(2, 1_000))
        .as((name, version) -> new Damage.OfLaterVersion(name, preambleBytes(name), version));
  }

  private Arbitrary<Damage> framesSwapped() {
    record Location(String file, Span frame) {}
    List<Location> frames = new ArrayList<>();
    image
        .journals()
        .forEach(
            name -> image.frames(name).forEach(frame -> frames.add(new Location(name, frame))));
    image
        .checkpoints()
        .forEach(
            name -> image.frames(name).forEach(frame -> frames.add(new Location(name, frame))));
    Arbitrary<Integer> index = Arbitraries.integers().between(0, frames.size() - 1);
    return Combinators.combine(index, index)
        .filter((one, other) -> one < other)
        .as(
            (one, other) ->
                new Damage.FramesSwapped(
                    frames.get(one).file(),
                    frames.get(one).frame(),
                    frames.get(other).file(),
                    frames.get(other).frame()));
  }

  /** {@return an offset in a file; its class is chosen first} */
  private Arbitrary<Integer> offset(String name) {
    return Arbitraries.of(Place.values())
        .flatMap(place -> Arbitraries.of(spans(name, place)))
        .flatMap(span -> Arbitraries.integers().between(span.from(), span.to() - 1));
  }

  /** {@return the ranges of a class in a file; the whole file if there are none} */
  private List<Span> spans(String name, Place place) {
    Span whole = image.whole(name);
    if (preambleBytes(name) != FileHeader.BYTES) {
      return List.of(whole);
    }
    List<Span> frames = image.frames(name);
    List<Span> spans =
        switch (place) {
          case HEADER -> List.of(new Span(0, HEADER_BYTES));
          case BEHIND_HEADER -> List.of(new Span(HEADER_BYTES, FileHeader.BYTES));
          case FRAME_LENGTH -> parts(frames, 0, 4);
          case FRAME_CHECKSUM -> parts(frames, 4, 8);
          case FRAME_SEQUENCE -> parts(frames, 8, 16);
          case PAYLOAD ->
              frames.stream()
                  .map(frame -> new Span(frame.from() + Frame.HEADER_BYTES, frame.to()))
                  .toList();
          case ANYWHERE_IN_FRAME -> frames;
          case TAIL ->
              frames.isEmpty() || frames.getLast().to() == whole.to()
                  ? List.of()
                  : List.of(new Span(frames.getLast().to(), whole.to()));
          case ANYWHERE -> List.of(whole);
        };
    if (spans.isEmpty()) {
      return List.of(whole);
    }
    // Half of all cases go to the last batch, where damage is hardest to tell from a torn tail.
    return List.of(spans.get(spans.size() / 2), spans.getFirst(), spans.getLast(), spans.getLast());
  }

  private static List<Span> parts(List<Span> frames, int from, int to) {
    return frames.stream().map(frame -> new Span(frame.from() + from, frame.from() + to)).toList();
  }
}
