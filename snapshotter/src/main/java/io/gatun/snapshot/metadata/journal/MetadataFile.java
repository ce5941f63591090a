package io.gatun.snapshot.metadata.journal;

import io.gatun.linux.LinuxPath;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The names of the files below {@code metadata/}.
 *
 * <pre>
 *   checkpoint-G    all records as of the start of journal G, or later
 *   journal-G       the changes since; G, G+1, ... follow each other
 *   journal-spare   the next journal, already filled with zeros
 *   acknowledged    the last acknowledged batch, see {@link HighWaterMark}
 *   clean           written by a clean stop, removed by the start: the index may be used
 *   records.index   the index; not trusted without {@code clean}
 *   names.index
 *   children.index
 *   *.tmp           unfinished; removed by the start
 *   *.damaged       kept by a repair; also *.damaged.2 and so on
 * </pre>
 */
public final class MetadataFile {

  public static final String ACKNOWLEDGED = "acknowledged";
  public static final String CLEAN = "clean";
  public static final String SPARE = "journal-spare";

  public static final String INDEX_RECORDS = "records.index";
  public static final String INDEX_NAMES = "names.index";
  public static final String INDEX_CHILDREN = "children.index";

  public static final List<String> INDEX_FILES =
      List.of(INDEX_RECORDS, INDEX_NAMES, INDEX_CHILDREN);

  public static final String TEMPORARY_SUFFIX = ".tmp";

  private static final Pattern GENERATION =
      Pattern.compile("(journal|checkpoint)-([1-9][0-9]{0,17})");

  private static final String KEPT_SUFFIX = ".damaged";

  private static final Pattern KEPT = Pattern.compile(".+\\.damaged(\\.[1-9][0-9]*)?");

  private MetadataFile() {}

  public static String journal(long generation) {
    return "journal-" + generation;
  }

  /** {@return the name of the checkpoint at the start of a generation} */
  public static String checkpoint(long generation) {
    return "checkpoint-" + generation;
  }

  /** {@return the generation, if this is the name of a journal} */
  public static OptionalLong journalGeneration(String name) {
    return generation(name, "journal");
  }

  /** {@return the generation, if this is the name of a checkpoint} */
  public static OptionalLong checkpointGeneration(String name) {
    return generation(name, "checkpoint");
  }

  /** {@return whether this is the name of a file that the store writes} */
  public static boolean isOurs(String name) {
    return name.endsWith(TEMPORARY_SUFFIX)
        ? isFinal(name.substring(0, name.length() - TEMPORARY_SUFFIX.length()))
        : isFinal(name);
  }

  /** {@return whether a repair kept a file under this name} */
  public static boolean isKept(String name) {
    return KEPT.matcher(name).matches();
  }

  /**
   * {@return the name under which a repair keeps a file}
   *
   * @param attempt 0, then incremented while the name is taken
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

  /** {@return the name during writing, before the rename} */
  static String temporary(String name) {
    return name + TEMPORARY_SUFFIX;
  }

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
