package io.gatun.snapshot.layer.erofs;

import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.NodeType;
import io.gatun.linux.Timespec;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.layer.tar.InheritedAttributes;
import io.gatun.snapshot.layer.tar.InvalidLayerException;
import io.gatun.snapshot.layer.tar.LayerAttributes;
import io.gatun.snapshot.layer.tar.LayerConsumer;
import io.gatun.snapshot.layer.tar.LayerContent;
import io.gatun.snapshot.layer.tar.LayerEntry;
import io.gatun.snapshot.layer.tar.LowerAttributes;
import io.gatun.snapshot.layer.tar.TarExtent;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.spill.PagedMemory;
import io.gatun.snapshot.spill.Spill;
import java.io.IOException;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;

/**
 * Makes the index of one layer, in the same pass in which its tar is read. {@link Erofs} says what
 * an index is.
 *
 * <p>The tree is the one that {@code apply.tree} writes of the same layer, in every attribute but
 * access times, with these exceptions:
 *
 * <ul>
 *   <li>Directories that the layer does not name and nothing is inherited for, and whiteouts, have
 *       the time 0: a directory has that of its making, which would make each index another.
 *   <li>Paths that only links make longer than the kernel takes are there, and can be reached in
 *       several steps.
 *   <li>Devices are there in a user namespace, too; where nobody may make them, nobody may mount an
 *       index either.
 * </ul>
 *
 * <p>A layer that an index cannot express is refused with the reason, as soon as that is known; it
 * is to be written as a directory.
 *
 * <p>Not safe for use by several threads.
 */
public final class LayerIndexer implements LayerConsumer, AutoCloseable {

  /** What is kept in memory of the tree unless somebody says otherwise: some 130,000 entries. */
  public static final long RESIDENT_BYTES = 16L << 20;

  private static final int IMPLICIT_MODE = 0755;
  private static final int PERMISSIONS = 0777;
  private static final int SET_GROUP_ID = 02000;
  private static final Timespec NO_TIME = new Timespec(0, 0);

  private final IndexForm form;
  private final LowerAttributes lowerAttributes;
  private final PagedMemory memory;
  private final IndexTree tree;
  private final Inodes inodes;
  private final DirectoryFinder directories;
  private final FileChunks chunks;
  private final FrequentTime times = new FrequentTime();
  private final InheritingDirectories inheriting;
  private IndexIdentity identity;
  private long tarBytes;

  /**
   * @param top what the top of the layer's tree has, which no layer names
   * @param spill where the tree goes that does not fit
   * @param residentBytes how much of it is kept in memory
   */
  public LayerIndexer(
      IndexForm form,
      InheritedAttributes top,
      LowerAttributes lowerAttributes,
      Spill spill,
      long residentBytes)
      throws IOException {
    this(form, top, lowerAttributes, new PagedMemory(spill, residentBytes));
  }

  /**
   * @param memory which goes with this
   */
  LayerIndexer(
      IndexForm form, InheritedAttributes top, LowerAttributes lowerAttributes, PagedMemory memory)
      throws IOException {
    this.form = form;
    this.lowerAttributes = lowerAttributes;
    this.identity = new IndexIdentity(form);
    this.memory = memory;
    boolean isMade = false;
    try {
      this.tree = new IndexTree(memory);
      this.inodes = tree.inodes();
      this.directories = new DirectoryFinder(tree, form == IndexForm.OVERLAY, this::makeImplicit);
      this.chunks = new FileChunks(memory);
      this.inheriting = new InheritingDirectories(tree, top);
      setInherited(tree.top(), noXattrs(), top);
      identity.add(LinuxPath.EMPTY, Optional.of(top));
      isMade = true;
    } finally {
      if (!isMade) {
        memory.close();
      }
    }
  }

  /**
   * Takes one entry. After a failure, there will be no index.
   *
   * @throws NotIndexableException if an index cannot express it
   * @throws InvalidLayerException if it makes no sense where it is
   */
  @Override
  public void entry(LayerEntry entry, LayerContent content) throws IOException {
    if (memory.isFull()) {
      throw new NotIndexableException(NotIndexable.ENTRIES, "its tree is too large");
    }
    int parent = directories.require(entry.path().directory());
    byte[] name = entry.path().name().bytes();
    switch (entry) {
      case LayerEntry.RegularFile file -> add(parent, name, file);
      case LayerEntry.Directory directory -> add(parent, name, directory);
      case LayerEntry.SymbolicLink link -> add(parent, name, link);
      case LayerEntry.HardLink link -> add(parent, name, link);
      case LayerEntry.Node node -> add(parent, name, node);
      case LayerEntry.Whiteout whiteout -> add(parent, name, whiteout);
      case LayerEntry.OpaqueDirectory _ -> {
        if (form == IndexForm.OVERLAY) {
          inodes.mark(parent, Inodes.OPAQUE);
        }
      }
    }
  }

  private void add(int parent, byte[] name, LayerEntry.RegularFile entry) throws IOException {
    int inode = create(parent, name, Inodes.REGULAR, entry.attributes());
    long sizeBytes = entry.sizeBytes();
    inodes.setSize(inode, sizeBytes);
    List<TarExtent> extents = entry.extents();
    long stored = TarExtent.totalLength(extents);
    long block = entry.contentOffset() >>> Erofs.BLOCK_SHIFT;
    requireAddress(entry.contentOffset() + stored);
    tarBytes = Math.max(tarBytes, entry.contentOffset() + stored);
    if (sizeBytes > stored) {
      chunks.store(inodes, inode, entry.path().whole(), sizeBytes, extents, block);
    } else {
      inodes.setContent(inode, (int) block);
      inodes.setExtent(inode, FileChunks.largestShift(sizeBytes));
    }
  }

  private static void requireAddress(long tarBytes) throws NotIndexableException {
    if (Erofs.blocks(tarBytes) > Erofs.BLOCKS_MAX) {
      throw new NotIndexableException(
          NotIndexable.TAR_SIZE, "its tar has at least %d bytes".formatted(tarBytes));
    }
  }

  private void add(int parent, byte[] name, LayerEntry.SymbolicLink entry) throws IOException {
    int inode = create(parent, name, Inodes.SYMBOLIC_LINK, entry.attributes());
    byte[] target = entry.target().bytes();
    int reference = memory.allocate(target.length);
    memory.put(PagedMemory.address(reference), target);
    inodes.setSize(inode, target.length);
    inodes.setContent(inode, reference);
  }

  private void add(int parent, byte[] name, LayerEntry.Node entry) throws IOException {
    int inode = create(parent, name, type(entry.type()), entry.attributes());
    inodes.setContent(inode, device(entry.major(), entry.minor()));
  }

  private static int type(NodeType type) {
    return switch (type) {
      case CHARACTER_DEVICE -> Inodes.CHARACTER_DEVICE;
      case BLOCK_DEVICE -> Inodes.BLOCK_DEVICE;
      case FIFO -> Inodes.FIFO;
      case REGULAR, DIRECTORY, SYMBOLIC_LINK, SOCKET, UNKNOWN ->
          throw new AssertionError("a layer has no node of type " + type);
    };
  }

  /** linux/kdev_t.h: new_encode_dev. */
  private static int device(int major, int minor) {
    return (minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12);
  }

  private void add(int parent, byte[] name, LayerEntry.Directory entry) throws IOException {
    int existing = tree.find(parent, name);
    LayerAttributes attributes = entry.attributes();
    if (existing == 0 || !inodes.isDirectory(existing)) {
      boolean isHidingBelow = isWhiteout(existing);
      int directory = create(parent, name, Inodes.DIRECTORY, attributes);
      if (isHidingBelow) {
        inodes.mark(directory, Inodes.OPAQUE);
      }
      return;
    }
    XattrSet xattrs = XattrSet.of(Inodes.DIRECTORY, xattrs(existing));
    xattrs.setAll(attributes.xattrs());
    xattrs.changeMode(attributes.mode());
    inodes.unmark(existing, Inodes.IMPLICIT);
    set(existing, attributes, xattrs);
  }

  private void add(int parent, byte[] name, LayerEntry.HardLink entry) throws IOException {
    int target = target(entry);
    if (tree.find(parent, name) != 0) {
      remove(parent, name);
      // Anew, since what was removed may have been on the way to it.
      target = target(entry);
    }
    int type = inodes.type(target);
    if (type == Inodes.DIRECTORY) {
      throw new InvalidLayerException(
          "%s is a hard link to a directory".formatted(entry.path().whole()));
    }
    requireLength(name);
    tree.enter(parent, name, target);
    LayerAttributes attributes = entry.attributes();
    XattrSet xattrs = XattrSet.of(type, xattrs(target));
    xattrs.changeOwner();
    xattrs.setAll(attributes.xattrs());
    if (type != Inodes.SYMBOLIC_LINK) {
      xattrs.changeMode(attributes.mode());
    }
    set(target, attributes, xattrs);
  }

  private int target(LayerEntry.HardLink entry) throws IOException {
    int directory = directories.find(entry.target().directory());
    int target = tree.find(directory, entry.target().name().bytes());
    if (target == 0) {
      throw new InvalidLayerException(
          "%s is a hard link to %s, which is not there"
              .formatted(entry.path().whole(), entry.target().whole()));
    }
    return target;
  }

  private void add(int parent, byte[] name, LayerEntry.Whiteout entry) throws IOException {
    if (tree.find(parent, name) != 0) {
      remove(parent, name);
    }
    if (form == IndexForm.BASE) {
      return;
    }
    requireLength(name);
    int inode = inodes.create(Inodes.CHARACTER_DEVICE);
    inodes.setOwner(inode, entry.uid(), entry.gid());
    setModified(inode, NO_TIME);
    XattrSet xattrs = XattrSet.madeIn(xattrs(parent), Inodes.CHARACTER_DEVICE, 0);
    inodes.setXattrs(inode, tree.xattrs().store(xattrs));
    tree.enter(parent, name, inode);
  }

  private boolean isWhiteout(int inode) throws IOException {
    return inode != 0 && form == IndexForm.OVERLAY && tree.isWhiteout(inode);
  }

  /** {@return something new in the place of whatever is there} */
  private int create(int parent, byte[] name, int type, LayerAttributes attributes)
      throws IOException {
    requireLength(name);
    if (tree.find(parent, name) != 0) {
      remove(parent, name);
    }
    int inode = inodes.create(type);
    XattrSet xattrs = XattrSet.madeIn(xattrs(parent), type, attributes.mode() & PERMISSIONS);
    xattrs.setAll(attributes.xattrs());
    if (type == Inodes.SYMBOLIC_LINK) {
      inodes.setPermissions(inode, PERMISSIONS);
    } else {
      xattrs.changeMode(attributes.mode());
    }
    set(inode, attributes, xattrs);
    tree.enter(parent, name, inode);
    return inode;
  }

  private void set(int inode, LayerAttributes attributes, XattrSet xattrs) throws IOException {
    if (inodes.type(inode) != Inodes.SYMBOLIC_LINK) {
      inodes.setPermissions(inode, attributes.mode());
    }
    inodes.setOwner(inode, attributes.uid(), attributes.gid());
    setModified(inode, attributes.modified());
    inodes.setXattrs(inode, tree.xattrs().store(xattrs));
  }

  /** Of what the layer says, which alone decides what is the most frequent time. */
  private void setModified(int inode, Timespec time) throws IOException {
    inodes.setModified(inode, time);
    times.add(time);
  }

  private void remove(int parent, byte[] name) throws IOException {
    tree.remove(parent, name);
    directories.forget();
  }

  private List<IndexXattr> xattrs(int inode) throws IOException {
    return tree.xattrs().load(inodes.xattrs(inode));
  }

  /**
   * A directory that the layer has not named, with what the kernel and the layers below give it.
   */
  private int makeImplicit(int parent, byte[] name, boolean isInPlaceOfWhiteout)
      throws IOException {
    requireLength(name);
    int directory = inodes.create(Inodes.DIRECTORY);
    inodes.mark(directory, Inodes.IMPLICIT);
    tree.enter(parent, name, directory);
    boolean isGroupPassedOn = (inodes.mode(parent) & SET_GROUP_ID) != 0;
    int gid = isGroupPassedOn ? inodes.gid(parent) : 0;
    XattrSet xattrs = XattrSet.madeIn(xattrs(parent), Inodes.DIRECTORY, IMPLICIT_MODE);
    Optional<InheritedAttributes> inherited = Optional.empty();
    if (isInPlaceOfWhiteout) {
      inodes.mark(directory, Inodes.OPAQUE);
    } else {
      LinuxPath path = path(directory);
      inherited = lowerAttributes.of(path);
      identity.add(path, inherited);
      inheriting.add(directory, gid, xattrs.isEmpty(), inherited);
    }
    if (inherited.isPresent()) {
      setInherited(directory, xattrs, inherited.get());
    } else {
      inodes.setPermissions(directory, IMPLICIT_MODE);
      inodes.setOwner(directory, 0, gid);
      inodes.setModified(directory, NO_TIME);
      inodes.setXattrs(directory, tree.xattrs().store(xattrs));
    }
    return directory;
  }

  private void setInherited(int directory, XattrSet xattrs, InheritedAttributes inherited)
      throws IOException {
    xattrs.changeMode(inherited.mode());
    xattrs.addAll(inherited.xattrs());
    inodes.setPermissions(directory, inherited.mode());
    inodes.setOwner(directory, inherited.uid(), inherited.gid());
    inodes.setModified(directory, inherited.modified());
    inodes.setXattrs(directory, tree.xattrs().store(xattrs));
  }

  /**
   * Says what is below the layer, which was taken for {@link LowerAttributes#NOTHING} while all its
   * entries were taken, with a top as {@link InheritedAttributes#ofTop} says.
   *
   * @param top what the top of the layer's tree has
   * @return whether the index will be what it would be if that had been known at first; else this
   *     is as before, and its index is another
   */
  public boolean inherit(InheritedAttributes top, LowerAttributes below) throws IOException {
    Optional<List<Optional<InheritedAttributes>>> found = inheriting.find(top, below);
    if (found.isEmpty()) {
      return false;
    }
    identity = new IndexIdentity(form);
    identity.add(LinuxPath.EMPTY, Optional.of(top));
    setInherited(tree.top(), noXattrs(), top);
    Iterator<Optional<InheritedAttributes>> each = found.get().iterator();
    for (InheritingDirectories.Directory directory : inheriting.all().orElseThrow()) {
      Optional<InheritedAttributes> inherited = each.next();
      identity.add(inheriting.path(directory), inherited);
      if (inherited.isPresent() && inodes.isMarked(directory.inode(), Inodes.IMPLICIT)) {
        setInherited(directory.inode(), noXattrs(), inherited.get());
      }
    }
    return true;
  }

  private static XattrSet noXattrs() {
    return XattrSet.of(Inodes.DIRECTORY, List.of());
  }

  private LinuxPath path(int directory) throws IOException {
    return new TreePath(tree).of(directory);
  }

  private static void requireLength(byte[] name) throws InvalidLayerException {
    if (name.length > NameTree.NAME_BYTES_MAX) {
      throw new InvalidLayerException(
          "a name of %d bytes, of which %d are allowed"
              .formatted(name.length, NameTree.NAME_BYTES_MAX));
    }
  }

  /**
   * Writes the index, once all entries have been taken. Nothing is synced.
   *
   * @param file new and empty
   * @param diffId of the layer
   * @param layerBytes how long its tar is, with whatever follows its end
   */
  public LayerIndex finish(Disk disk, Fd file, Digest diffId, long layerBytes) throws IOException {
    try (ImageFile image = new ImageFile(disk, file)) {
      return finish(image, identity.uuid(diffId), diffId, layerBytes);
    }
  }

  /**
   * Compares the index that {@link #finish} would write with one that is there.
   *
   * @param recorded of that one, which was inherited here as well
   */
  public IndexComparison compare(
      IndexReader there, RecordedAttributes recorded, Digest diffId, long layerBytes)
      throws IOException {
    ImageComparison comparison = new ImageComparison(there);
    byte[] made = identity.uuid(diffId);
    byte[] uuid = recorded.uuid().orElse(made);
    try (ImageFile image = new ImageFile(comparison)) {
      var _ = finish(image, uuid, diffId, layerBytes);
    }
    return new IndexComparison(comparison.difference(), Arrays.equals(uuid, made));
  }

  private LayerIndex finish(ImageFile image, byte[] uuid, Digest diffId, long layerBytes)
      throws IOException {
    long padded = Erofs.blocks(Math.max(layerBytes, tarBytes)) << Erofs.BLOCK_SHIFT;
    requireAddress(padded);
    Placement placement = new Placement(tree, form, times.mostFrequent());
    placement.run();
    new IndexImage(tree, chunks, placement, image).write(uuid, diffId, Erofs.blocks(padded));
    if (form == IndexForm.OVERLAY) {
      new AttributesTable(tree, inheriting).write(image);
    }
    image.flush();
    return new LayerIndex(
        image.digest(),
        image.position(),
        placement.inodes() - 1,
        padded,
        memory.sizeBytes(),
        memory.isSpilled());
  }

  /** Gives the memory back, and the spill. */
  @Override
  public void close() {
    tree.close();
  }
}
