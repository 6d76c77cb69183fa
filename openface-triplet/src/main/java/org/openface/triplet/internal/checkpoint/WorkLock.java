package org.openface.triplet.internal.checkpoint;

import java.io.IOException;
import java.lang.System.Logger.Level;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.openface.core.internal.OwnerOnly;

/**
 * Keeps all runs but one out of a work directory: those of this Java machine, and by a lock of the operating system on the
 * file {@value #FILE} those of other processes. Such a lock ends with its process, so that a killed run is in nobody's way;
 * the file itself stays and says nothing but who holds it.
 *
 * <p>On network file systems it is as good as theirs. NFS 4, and 3 with its lock service, and SMB keep out other computers,
 * and let a crashed one's lock go when its lease ends, after a minute or two. NFS mounted with {@code nolock} has locks that
 * hold on one computer only. Where there are none at all, as on some file systems in user space, a warning is logged, and
 * runs of one process alone keep each other out.
 */
public final class WorkLock implements AutoCloseable {
    public static final String FILE = ".lock";

    /** Far behind what is written, which others shall be able to read on Windows too. */
    private static final long LOCKED = 1L << 30;

    private static final int MOST_BYTES = 1000;

    /** By real path. POSIX drops a lock as soon as its process closes the file anywhere: so it is never opened twice. */
    private static final Map<Path, String> HELD = new ConcurrentHashMap<>();

    /** Files that another class loader's copy of this class holds; closed, as by the cleaner, they would be unlocked. */
    private static final Set<FileChannel> NEVER_CLOSED = ConcurrentHashMap.newKeySet();

    private final Path real;
    private final FileChannel channel;

    private WorkLock(Path real, FileChannel channel) {
        this.real = real;
        this.channel = channel;
    }

    /** Another run holds the folder. */
    static final class HeldException extends IOException {
        private static final long serialVersionUID = 1;

        private HeldException(Path folder, String holder) {
            super("the work directory " + folder + " is in use by " + holder
                    + "; wait until that run has ended, end it, or train in another work directory");
        }
    }

    /**
     * Takes the folder, which exists.
     *
     * @throws HeldException if a run has it
     * @throws IOException if the lock's file cannot be opened
     */
    public static WorkLock take(Path folder) throws IOException {
        Path real = folder.toRealPath();
        String since = " since " + Instant.now().truncatedTo(ChronoUnit.SECONDS);
        String holder = HELD.putIfAbsent(
                real,
                "a run of this process, on the thread " + Thread.currentThread().getName() + since);
        if (holder != null) {
            throw new HeldException(folder, holder);
        }
        try {
            return new WorkLock(real, lock(folder, since));
        } catch (IOException | RuntimeException e) {
            HELD.remove(real);
            throw e;
        }
    }

    private static FileChannel lock(Path folder, String since) throws IOException {
        FileChannel channel = open(folder);
        try {
            if (!tryLock(channel, folder)) {
                String other = read(channel);
                throw new HeldException(folder, other.isEmpty() ? "another process" : other);
            }
            write(channel, "process " + ProcessHandle.current().pid() + host() + since);
            return channel;
        } catch (OverlappingFileLockException e) {
            NEVER_CLOSED.add(channel);
            throw new HeldException(folder, "another run of this process");
        } catch (IOException | RuntimeException e) {
            channel.close();
            throw e;
        }
    }

    private static FileChannel open(Path folder) throws IOException {
        Path file = folder.resolve(FILE);
        if (!Files.exists(file)) {
            try {
                Files.createFile(file, OwnerOnly.fileAttributes(folder));
            } catch (FileAlreadyExistsException e) {
                // another process was quicker
            }
        }
        return FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE);
    }

    private static boolean tryLock(FileChannel channel, Path folder) throws IOException {
        try {
            return channel.tryLock(LOCKED, 1, false) != null;
        } catch (ClosedByInterruptException e) {
            throw e;
        } catch (IOException e) {
            System.getLogger(WorkLock.class.getName())
                    .log(
                            Level.WARNING,
                            "the file system of {0} has no locks ({1}); see to it that no second run uses this folder",
                            folder,
                            e.getMessage());
            return true;
        }
    }

    private static void write(FileChannel channel, String holder) throws IOException {
        channel.truncate(0);
        ByteBuffer bytes = ByteBuffer.wrap(holder.getBytes(StandardCharsets.UTF_8));
        while (bytes.hasRemaining()) {
            channel.write(bytes, bytes.position());
        }
    }

    private static String read(FileChannel channel) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(MOST_BYTES);
        while (bytes.hasRemaining() && channel.read(bytes, bytes.position()) > 0) {
            // until the end
        }
        return new String(bytes.array(), 0, bytes.position(), StandardCharsets.UTF_8)
                .replaceAll("\\p{Cntrl}", " ")
                .strip();
    }

    /** The computer or container, without asking the network. */
    private static String host() {
        try {
            return " on "
                    + Files.readString(Path.of("/proc/sys/kernel/hostname")).strip();
        } catch (IOException | RuntimeException e) { // not Linux
            return Optional.ofNullable(System.getenv("COMPUTERNAME"))
                    .or(() -> Optional.ofNullable(System.getenv("HOSTNAME")))
                    .map(name -> " on " + name)
                    .orElse("");
        }
    }

    /** Lets the next run in. */
    @Override
    public void close() {
        try (channel) {
            channel.truncate(0);
        } catch (IOException e) {
            // Closed it is in any case, and with it unlocked.
        } finally {
            HELD.remove(real);
        }
    }
}
