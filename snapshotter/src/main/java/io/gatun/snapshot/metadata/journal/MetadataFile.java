package io.gatun.snapshot.metadata.journal;

import io.gatun.linux.LinuxPath;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The files below {@code metadata/}, by name.
 *
 * <pre>
 *   checkpoint-G    all records as they were when journal G began, or later
 *   journal-G       what was changed since; G, G+1, ... follow each other
 *   journal-spare   the next journal, already full of zeros
 *   acknowledged    the last batch that somebody was told is durable
 *   clean           written by a clean stop, and removed by the start: the index may be used
 *   records.index   what the index consists of; worth nothing without {@code clean}
 *   names.index
 *   children.index
 *   *.tmp           not finished; removed by the start
 *   *.damaged       what a repair has kept; also *.damaged.2 and so on
 * </pre>
 */
public final class MetadataFile {

  public static final String ACKNOWLEDGED = "acknowledged";
  public static final String CLEAN = "clean";
  public static final String SPARE = "journal-spare";

  public static final String INDEX_RECORDS = "records.index";
  public static final String INDEX_NAMES = "names.index";
  public static final String INDEX_CHILDREN = "children.index";

  /** All files of the index. */
  public static final List<String> INDEX_FILES =
      List.of(INDEX_RECORDS, INDEX_NAMES, INDEX_CHILDREN);

  public static final String TEMPORARY_SUFFIX = ".tmp";

  private static final Pattern GENERATION =
      Pattern.compile("(journal|checkpoint)-([1-9][0-9]{0,17})");

  private static final String KEPT_SUFFIX = ".damaged";

  private static final Pattern KEPT = Pattern.compile(".+\\.damaged(\\.[1-9][0-9]*)?");

  private MetadataFile() {}

  /** {@return the name of the journal of a generation} */
  public static String journal(long generation) {
    return "journal-" + generation;
  }

  /** {@return the name of the checkpoint that a generation starts with} */
  public static String checkpoint(long generation) {
    return "checkpoint-" + generation;
  }

  /** {@return which generation this name of a journal is for, if it is one} */
  public static OptionalLong journalGeneration(String name) {
    return generation(name, "journal");
  }

  /** {@return which generation this name of a checkpoint is for, if it is one} */
  public static OptionalLong checkpointGeneration(String name) {
    return generation(name, "checkpoint");
  }

  /** {@return whether a name is one of those above} */
  public static boolean isOurs(String name) {
    return name.endsWith(TEMPORARY_SUFFIX)
        ? isFinal(name.substring(0, name.length() - TEMPORARY_SUFFIX.length()))
        : isFinal(name);
  }

  /** {@return whether a repair has kept a file under this name, which it does not have any more} */
  public static boolean isKept(String name) {
    return KEPT.matcher(name).matches();
  }

  /**
   * {@return the name under which a repair keeps a file}
   *
   * @param attempt counts from 0, for as long as the name is taken
   */
  public static String kept(String name, int attempt) {
    return name + KEPT_SUFFIX + (attempt == 0 ? "" : "." + (attempt + 1));
  }

  private static boolean isFinal(String name) {
    return switch (name) {
      case ACKNOWLEDGED, CLEAN, SPARE -> true;
      default -> INDEX_FILES.contains(name) || GENERATION.matcher(name).matches();
    };
  }

  /** {@return where a file is written before it gets its name} */
  static String temporary(String name) {
    return name + TEMPORARY_SUFFIX;
  }

  /** {@return the name for the kernel} */
  public static LinuxPath path(String name) {
    return LinuxPath.of(name);
  }

  private static OptionalLong generation(String name, String kind) {
    Matcher matcher = GENERATION.matcher(name);
    return Optional.of(matcher)
        .filter(Matcher::matches)
        .filter(matched -> matched.group(1).equals(kind))
        .map(matched -> OptionalLong.of(Long.parseLong(matched.group(2))))
        .orElse(OptionalLong.empty());
  }
}
