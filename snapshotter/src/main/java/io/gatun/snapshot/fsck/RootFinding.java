package io.gatun.snapshot.fsck;

import io.gatun.linux.NodeType;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.Usage;
import io.gatun.snapshot.metadata.journal.Finding;
import java.util.Locale;

/** Something about a root that is not as it should be. */
public sealed interface RootFinding {

  /** What a finding means. */
  enum Severity {
    /** Usual after a crash, or somebody else's: the next start sees to it, or nobody has to. */
    NOTICE,
    /** Wrong, and a repair makes it right without any loss. */
    REPAIRABLE,
    /** Something is lost or may be, or a repair can do nothing about it. */
    DAMAGE
  }

  /** {@return what it means} */
  Severity severity();

  /** {@return where it is, below the root} */
  String place();

  /** {@return what is wrong} */
  String sentence();

  /** In the files of the metadata store. */
  record Metadata(Finding finding) implements RootFinding {
    @Override
    public Severity severity() {
      return switch (finding.severity()) {
        case TORN_TAIL, LEFTOVER, FOREIGN -> Severity.NOTICE;
        case ATTRIBUTES, STALE -> Severity.REPAIRABLE;
        case IMPOSSIBLE, DAMAGE, UNREADABLE, UNKNOWN_VERSION -> Severity.DAMAGE;
      };
    }

    @Override
    public String place() {
      return "metadata/" + finding.file();
    }

    @Override
    public String sentence() {
      return "at offset %d: %s".formatted(finding.offset(), finding.sentence());
    }
  }

  /** Something was acknowledged and is not in the metadata any more. */
  record Lost(String what) implements RootFinding {
    @Override
    public Severity severity() {
      return Severity.DAMAGE;
    }

    @Override
    public String place() {
      return "metadata";
    }

    @Override
    public String sentence() {
      return "lost: " + what;
    }
  }

  /** The file {@code format} does not say what it should. */
  record Format(String sentence, boolean isLater) implements RootFinding {
    @Override
    public Severity severity() {
      return isLater ? Severity.DAMAGE : Severity.REPAIRABLE;
    }

    @Override
    public String place() {
      return "format";
    }
  }

  /** Others may do what they should not, or we may not what we have to. */
  record WrongMode(String place, int mode, int expected) implements RootFinding {
    @Override
    public Severity severity() {
      return Severity.REPAIRABLE;
    }

    @Override
    public String sentence() {
      return "its mode is %04o and should be %04o".formatted(mode, expected);
    }
  }

  /** It belongs to somebody else. */
  record WrongOwner(String place, int uid, int expected) implements RootFinding {
    @Override
    public Severity severity() {
      return Severity.REPAIRABLE;
    }

    @Override
    public String sentence() {
      return "it belongs to uid %d and not to %d".formatted(uid, expected);
    }
  }

  /** Something else has the name. */
  record Misplaced(String place, NodeType found, NodeType expected) implements RootFinding {
    @Override
    public Severity severity() {
      return Severity.REPAIRABLE;
    }

    @Override
    public String sentence() {
      return "here is a %s where a %s should be".formatted(inWords(found), inWords(expected));
    }

    private static String inWords(NodeType type) {
      return type == NodeType.REGULAR
          ? "file"
          : type.name().toLowerCase(Locale.ROOT).replace('_', ' ');
    }
  }

  /**
   * The first start was cut short. Nobody was answered by then, so whatever is not there has never
   * held anything.
   */
  record FirstStart() implements RootFinding {
    @Override
    public Severity severity() {
      return Severity.NOTICE;
    }

    @Override
    public String place() {
      return ".";
    }

    @Override
    public String sentence() {
      return "the first start on this root has not come to its end, so nothing was ever acknowledged;"
          + " the next start finishes it";
    }
  }

  /** What is in a file is not what it should be. */
  record Corrupt(String place, String sentence) implements RootFinding {
    @Override
    public Severity severity() {
      return Severity.DAMAGE;
    }
  }

  /** The disk does not have a tar or an index as it was written. */
  record DamagedLayer(String place, String sentence) implements RootFinding {
    @Override
    public Severity severity() {
      return Severity.DAMAGE;
    }
  }

  /** A part of every root is not there; what was in it is a finding of its own. */
  record Absent(String place) implements RootFinding {
    @Override
    public Severity severity() {
      return Severity.REPAIRABLE;
    }

    @Override
    public String sentence() {
      return "it is missing";
    }
  }

  /** The empty lower directory is not empty, and what is in it shows in containers. */
  record NotEmpty(String place) implements RootFinding {
    @Override
    public Severity severity() {
      return Severity.REPAIRABLE;
    }

    @Override
    public String sentence() {
      return "nothing may be here, since all base layers are mounted on this directory";
    }
  }

  /** Nothing that anybody has to see to. */
  record Notice(String place, String sentence) implements RootFinding {
    @Override
    public Severity severity() {
      return Severity.NOTICE;
    }
  }

  /**
   * A directory that belongs to no snapshot: not any more, or not yet when the daemon was killed.
   */
  record Orphan(long id) implements RootFinding {
    @Override
    public Severity severity() {
      return Severity.NOTICE;
    }

    @Override
    public String place() {
      return "snapshots/" + id;
    }

    @Override
    public String sentence() {
      return "no snapshot has this directory; the next start deletes it";
    }
  }

  /** A directory of which the metadata should know that it can exist. */
  record UnknownId(long id, long idLimit) implements RootFinding {
    @Override
    public Severity severity() {
      return Severity.DAMAGE;
    }

    @Override
    public String place() {
      return "snapshots/" + id;
    }

    @Override
    public String sentence() {
      return "the metadata have given out no id from %d on: they are older than this directory, or not its"
              .formatted(idLimit)
          + " metadata";
    }
  }

  /** The files of a snapshot are not there; it is never covered up by empty ones. */
  record MissingFiles(SnapshotRecord snapshot, String place) implements RootFinding {
    @Override
    public Severity severity() {
      return Severity.DAMAGE;
    }

    @Override
    public String sentence() {
      return "it is missing, so the %s snapshot %s is: delete the images and containers that use it, let"
              .formatted(snapshot.kind().filterName(), snapshot.name())
          + " containerd collect garbage, and pull again";
    }
  }

  /** Overlay cannot mount without it, and it holds nothing while it is not mounted. */
  record MissingWork(SnapshotRecord snapshot) implements RootFinding {
    @Override
    public Severity severity() {
      return Severity.REPAIRABLE;
    }

    @Override
    public String place() {
      return "snapshots/%d/work".formatted(snapshot.id());
    }

    @Override
    public String sentence() {
      return "it is missing, so %s cannot be mounted".formatted(snapshot.name());
    }
  }

  /**
   * What is recorded is not what the files take. Filesystems allocate more than was written, and
   * give it back when they like; so the bytes alone are worth a notice.
   */
  record WrongUsage(SnapshotRecord snapshot, Usage recorded, Usage counted) implements RootFinding {
    @Override
    public Severity severity() {
      return recorded.inodes() == counted.inodes() ? Severity.NOTICE : Severity.REPAIRABLE;
    }

    @Override
    public String place() {
      return "snapshots/%d/fs".formatted(snapshot.id());
    }

    @Override
    public String sentence() {
      return "%d inodes and %d bytes are recorded for %s, and there are %d and %d"
          .formatted(
              recorded.inodes(),
              recorded.sizeBytes(),
              snapshot.name(),
              counted.inodes(),
              counted.sizeBytes());
    }
  }
}
