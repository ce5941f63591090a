package io.gatun.snapshot.fsck;

import io.gatun.linux.file.NodeType;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.Usage;
import io.gatun.snapshot.metadata.journal.Finding;
import java.util.Locale;

/** A difference between a root and its expected state. */
public sealed interface RootFinding {

  /** The consequence of a finding. */
  enum Severity {
    /** Normal after a crash, or foreign: the next start handles it, or no action is needed. */
    NOTICE,
    /** Wrong; a repair corrects it without loss. */
    REPAIRABLE,
    /** Data is or may be lost, or a repair cannot help. */
    DAMAGE
  }

  /** {@return its consequence} */
  Severity severity();

  /** {@return its path below the root} */
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

  /** The metadata has lost an acknowledged change. */
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

  /** The file {@code format} is invalid. */
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

  /** Others have too many permissions, or the daemon has too few. */
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

  /** The owner is wrong. */
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

  /** A file of another type has the name. */
  record Misplaced(String place, NodeType found, NodeType expected) implements RootFinding {
    @Override
    public Severity severity() {
      return Severity.REPAIRABLE;
    }

    @Override
    public String sentence() {
      return "this is a %s and should be a %s".formatted(inWords(found), inWords(expected));
    }

    private static String inWords(NodeType type) {
      return type == NodeType.REGULAR
          ? "file"
          : type.name().toLowerCase(Locale.ROOT).replace('_', ' ');
    }
  }

  /**
   * The first start was interrupted. No request was served by then, so missing parts never
   * contained anything.
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
      return "the first start on this root did not finish, so nothing was ever acknowledged;"
          + " the next start finishes it";
    }
  }

  /** The content of a file is wrong. */
  record Corrupt(String place, String sentence) implements RootFinding {
    @Override
    public Severity severity() {
      return Severity.DAMAGE;
    }
  }

  /** A tar or an index on disk differs from what was written. */
  record DamagedLayer(String place, String sentence) implements RootFinding {
    @Override
    public Severity severity() {
      return Severity.DAMAGE;
    }
  }

  /** A part of every root is missing; its former content is reported separately. */
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

  /** The empty lower directory has entries, which are visible in containers. */
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

  /** Requires no action. */
  record Notice(String place, String sentence) implements RootFinding {
    @Override
    public Severity severity() {
      return Severity.NOTICE;
    }
  }

  /** A directory without a snapshot: one that was removed, or was not recorded before a crash. */
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

  /** A directory whose id the metadata never allocated. */
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
      return "the metadata has allocated no id from %d on: it is older than this directory, or of another"
              .formatted(idLimit)
          + " root";
    }
  }

  /** The files of a snapshot are missing; they are never replaced by empty ones. */
  record MissingFiles(SnapshotRecord snapshot, String place) implements RootFinding {
    @Override
    public Severity severity() {
      return Severity.DAMAGE;
    }

    @Override
    public String sentence() {
      return "it is missing, and with it the %s snapshot %s: delete the images and containers that use it, let"
              .formatted(snapshot.kind().filterName(), snapshot.name())
          + " containerd collect garbage, and pull again";
    }
  }

  /** Overlay cannot mount without it; it holds no data while unmounted. */
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
   * The recorded usage differs from the files'. Filesystems allocate more than was written and
   * release it later, so a difference in bytes alone is only a notice.
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
