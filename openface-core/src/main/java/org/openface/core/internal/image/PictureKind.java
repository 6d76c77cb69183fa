package org.openface.core.internal.image;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Kinds of picture files, those that are read and those that people have besides. */
public enum PictureKind {
    JPEG("JPEG", true, "jpg", "jpeg", "jpe", "jfif"),
    PNG("PNG", true, "png"),
    BMP("BMP", true, "bmp", "dib"),
    PORTABLE_MAP("PGM or PPM", true, "pgm", "ppm", "pnm"),
    HEIC("HEIC", false, "heic", "heif", "hif"),
    AVIF("AVIF", false, "avif"),
    WEBP("WebP", false, "webp"),
    TIFF("TIFF", false, "tif", "tiff"),
    GIF("GIF", false, "gif"),
    JPEG_2000("JPEG 2000", false, "jp2", "j2k", "jpx"),
    JPEG_XL("JPEG XL", false, "jxl"),
    BITMAP("PBM or PAM", false, "pbm", "pam"),
    PHOTOSHOP("Photoshop", false, "psd"),
    RAW("camera raw", false, "dng", "cr2", "cr3", "nef", "arw", "orf", "raf", "rw2", "pef", "srw", "raw");

    private static final Map<String, PictureKind> BY_EXTENSION = new HashMap<>();

    static {
        for (PictureKind kind : values()) {
            kind.extensions.forEach(extension -> BY_EXTENSION.put(extension, kind));
        }
    }

    /** As many bytes as tell a kind. */
    private static final int HEAD = 32;

    private final String label;
    private final boolean supported;
    private final List<String> extensions;

    PictureKind(String label, boolean supported, String... extensions) {
        this.label = label;
        this.supported = supported;
        this.extensions = List.of(extensions);
    }

    /** Whether the ending of a name is that of a picture, of whatever kind. */
    public static boolean isEnding(String extension) {
        return BY_EXTENSION.containsKey(extension.toLowerCase(Locale.ROOT));
    }

    /** What people call it, such as {@code HEIC}. */
    public String label() {
        return label;
    }

    /** Whether this library reads it. */
    public boolean supported() {
        return supported;
    }

    /** What a file is by its name alone, hidden ones being nothing. */
    public static Optional<PictureKind> named(Path file) {
        String name = String.valueOf(file.getFileName());
        int dot = name.lastIndexOf('.');
        return dot > 0 && name.charAt(0) != '.'
                ? Optional.ofNullable(BY_EXTENSION.get(name.substring(dot + 1).toLowerCase(Locale.ROOT)))
                : Optional.empty();
    }

    /**
     * What a file is. One that has the name of a supported kind is not opened, since reading it tells soon enough; one that
     * has the name of another kind, or a name without an ending, is what its content says. Files with other endings, hidden
     * files and whatever is no file are no pictures.
     *
     * @throws IOException if the content decides and cannot be read
     */
    public static Optional<PictureKind> of(Path file) throws IOException {
        Optional<PictureKind> named = named(file);
        String name = String.valueOf(file.getFileName());
        if (name.startsWith(".") || (named.isEmpty() && name.contains(".")) || !Files.isRegularFile(file)) {
            return Optional.empty();
        }
        if (named.isPresent() && named.get().supported) {
            return named;
        }
        Optional<PictureKind> found;
        try (InputStream in = Files.newInputStream(file)) {
            found = of(in.readNBytes(HEAD));
        } catch (NoSuchFileException e) {
            return Optional.empty(); // it vanished meanwhile
        } catch (AccessDeniedException e) {
            return named;
        } catch (IOException e) {
            throw new IOException("cannot read " + file + " (" + e + ")", e);
        }
        // Most cameras' raw files are TIFF files.
        return found.isEmpty() || (found.get() == TIFF && named.isPresent()) ? named : found;
    }

    /** What a file is by its first bytes. */
    public static Optional<PictureKind> of(byte[] head) {
        return Optional.ofNullable(kind(head));
    }

    private static @Nullable PictureKind kind(byte[] head) {
        if (has(head, 0, "\u00ff\u00d8\u00ff")) {
            return JPEG;
        }
        if (has(head, 0, "\u0089PNG\r\n\u001a\n")) {
            return PNG;
        }
        if (has(head, 0, "BM") && has(head, 15, "\0\0\0")) { // the size of the second header is small
            return BMP;
        }
        if (has(head, 0, "P") && head.length > 2 && (head[2] == '#' || (head[2] <= ' ' && head[2] > 0))) {
            return "2356".indexOf(head[1]) >= 0 ? PORTABLE_MAP : "147".indexOf(head[1]) >= 0 ? BITMAP : null;
        }
        if (has(head, 0, "RIFF") && has(head, 8, "WEBP")) {
            return WEBP;
        }
        if (has(head, 0, "GIF8")) {
            return GIF;
        }
        if (has(head, 0, "II*\0") || has(head, 0, "MM\0*")) {
            return TIFF;
        }
        if (has(head, 0, "IIRO") || has(head, 0, "IIU\0") || has(head, 0, "FUJIFILMCCD-RAW")) {
            return RAW;
        }
        if (has(head, 0, "\0\0\0\u000cjP  ") || has(head, 0, "\u00ffO\u00ffQ")) {
            return JPEG_2000;
        }
        if (has(head, 0, "\0\0\0\u000cJXL ") || has(head, 0, "\u00ff\n")) {
            return JPEG_XL;
        }
        if (has(head, 0, "8BPS")) {
            return PHOTOSHOP;
        }
        if (has(head, 4, "ftyp")) {
            if (has(head, 8, "avif") || has(head, 8, "avis")) {
                return AVIF;
            }
            if (has(head, 8, "crx ")) {
                return RAW;
            }
            return has(head, 8, "hei") || has(head, 8, "hev") || has(head, 8, "mif1") || has(head, 8, "msf1")
                    ? HEIC
                    : null;
        }
        return null;
    }

    /** Whether bytes, written as letters of Latin-1, stand at a place. */
    private static boolean has(byte[] head, int at, String bytes) {
        if (head.length < at + bytes.length()) {
            return false;
        }
        for (int i = 0; i < bytes.length(); i++) {
            if ((head[at + i] & 0xff) != bytes.charAt(i)) {
                return false;
            }
        }
        return true;
    }
}
