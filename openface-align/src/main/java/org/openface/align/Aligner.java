package org.openface.align;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkState;
import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.openface.align.face.Alignment;
import org.openface.align.face.DetectedFace;
import org.openface.align.face.FaceBox;
import org.openface.align.face.FaceDetector;
import org.openface.align.face.LandmarkDetector;
import org.openface.align.face.LandmarkSet;
import org.openface.align.face.NoAlignedFaceException;
import org.openface.align.face.SkipReason;
import org.openface.align.internal.MemoryBudget;
import org.openface.align.internal.Workers;
import org.openface.align.internal.detect.DetectorPool;
import org.openface.align.internal.detect.HaarDetector;
import org.openface.align.internal.detect.NativeDetector;
import org.openface.align.internal.detect.UnownedDetector;
import org.openface.align.internal.detect.YuNetDetector;
import org.openface.align.internal.detect.YuNetModel;
import org.openface.align.internal.directory.DirectoryJob;
import org.openface.align.internal.directory.StageClock;
import org.openface.align.internal.landmarks.DlibBox;
import org.openface.align.internal.landmarks.ShapePredictor;
import org.openface.core.dataset.Face;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.embedding.Embedding;
import org.openface.core.embedding.FaceEmbedder;
import org.openface.core.image.AlignmentProfile;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.RgbImage;
import org.openface.core.image.UnreadableImageException;
import org.openface.core.internal.image.EncodedPicture;
import org.openface.core.internal.image.PictureException;

/**
 * Turns photographs into aligned faces: the largest face is found and warped so that its landmarks lie where OpenFace's
 * template has them.
 *
 * <p>Nothing needs to be downloaded: by default the detector are the Haar cascades that come inside OpenCV's jar, a face is
 * verified by both its eyes, and their centres are the landmarks. Given a landmark model of dlib, a face is aligned by three
 * of its points as OpenFace does ({@code openface/align_dlib.py}). An aligner may be used by several threads at once, and
 * must be closed.
 *
 * <pre>{@code
 * try (Aligner aligner = Aligner.builder().build()) {
 *     AlignReport report = aligner.alignDirectory(Path.of("raw"), Path.of("aligned"));
 *     report.skipped().forEach(s -> System.out.println(s.source() + ": " + s.reason()));
 * }
 * }</pre>
 */
// Longer than 400 lines for what it promises, a good third is Javadoc; and the settings belong to the aligner.
public final class Aligner implements AutoCloseable {
    private static final String VERSION = Optional.ofNullable(
                    Aligner.class.getPackage().getImplementationVersion())
            .orElse("development");

    /**
     * Of how faces are found and cut out with the same settings; goes up whenever that makes another face of a photograph,
     * as by a detector's constants. Faces of different revisions are not mixed. The first applied the colour profiles of
     * JPEGs; the second reads pixels as OpenCV and dlib do.
     */
    static final int REVISION = 2;

    /** OpenFace's {@code MINMAX_TEMPLATE}. */
    private static final String TEMPLATE = "openface-minmax";

    private static final String FROM_DETECTOR = "detector";
    private static final String CUSTOM = "custom ";

    private final int threads;
    private final boolean skipMulti;
    private final @Nullable Path fallback;
    private final Consumer<AlignProgress> listener;
    private final AlignmentProfile profile;
    private final ImageFiles.Limits limits;
    private final DetectorPool detectors;
    private final Pipeline pipeline;
    private final MemoryBudget memory = MemoryBudget.ofPhotographs();

    private Aligner(Builder builder) {
        threads = builder.threads;
        skipMulti = builder.skipMulti;
        fallback = builder.fallback;
        listener = builder.listener;
        limits = builder.limits;
        LandmarkSet landmarkSet = builder.effectiveLandmarkSet();
        profile = new AlignmentProfile(
                builder.detectorName,
                builder.landmarksName,
                landmarkSet.name(),
                TEMPLATE,
                builder.size,
                VERSION,
                REVISION);
        detectors = new DetectorPool(builder.newDetector);
        pipeline = new Pipeline(
                detectors, builder.dlibBox, builder.landmarkDetector, landmarkSet, builder.size, skipMulti, profile);
    }

    /** An aligner with OpenFace's settings unless told otherwise. */
    public static Builder builder() {
        return new Builder();
    }

    /** Settings of an {@link Aligner}. */
    public static final class Builder {
        private int size = 96;
        private int threads = Runtime.getRuntime().availableProcessors();
        private boolean skipMulti;
        private @Nullable Path fallback;
        private ImageFiles.Limits limits = ImageFiles.Limits.DEFAULT;
        private Consumer<AlignProgress> listener = progress -> {};
        private String detectorName = "haar";
        private Supplier<NativeDetector> newDetector = HaarDetector::new;
        private Function<DetectedFace, FaceBox> dlibBox = DlibBox::ofHaar;
        private String landmarksName = FROM_DETECTOR;
        private @Nullable LandmarkDetector landmarkDetector;
        private @Nullable LandmarkSet landmarkSet;

        private Builder() {}

        /**
         * Side of the aligned faces in pixels, 96 by default, which the nn4 networks expect (OpenFace's {@code --size}).
         *
         * @throws IllegalArgumentException unless between 16 and 1024
         */
        public Builder size(int pixels) {
            checkArgument(pixels >= 16 && pixels <= 1024, "size must be 16 to 1024 pixels, got %s", pixels);
            this.size = pixels;
            return this;
        }

        /**
         * How many threads work on a directory, by default as many as there are cores. The result does not depend on it.
         *
         * @throws IllegalArgumentException unless positive
         */
        public Builder threads(int count) {
            checkArgument(count > 0, "threads must be at least 1, got %s", count);
            this.threads = count;
            return this;
        }

        /**
         * Whether photographs of several people are skipped; by default the largest face is taken (OpenFace's {@code
         * --skipMulti}).
         */
        public Builder skipMulti(boolean skip) {
            this.skipMulti = skip;
            return this;
        }

        /**
         * A folder of pictures to take where {@link Aligner#alignDirectory} gets no face from a photograph, by default
         * none: {@code folder/<person>/<name>} of any extension takes the place of {@code raw/<person>/<name>}. The middle
         * of the picture, as large a square as it holds, is scaled to the size of the faces. This may be a folder of faces
         * aligned earlier, LFW's deep-funnelled pictures (OpenFace's {@code --fallbackLfw}), or the photographs
         * themselves. The report says where it was done.
         */
        public Builder fallback(Path folder) {
            this.fallback = requireNonNull(folder, "folder");
            return this;
        }

        /**
         * What a photograph may demand, by default {@link ImageFiles.Limits#DEFAULT}, 64 megapixels and 256 MiB; larger
         * ones are {@linkplain SkipReason#UNREADABLE unreadable}. Some telephones make 108 or 200 megapixels. Aligning one
         * takes 12 bytes of heap per pixel, and of large ones fewer are aligned at the same time.
         */
        public Builder limits(ImageFiles.Limits photographs) {
            this.limits = requireNonNull(photographs, "photographs");
            return this;
        }

        /**
         * Is told after every photograph of {@link Aligner#alignDirectory} how far the job has come, by one thread at a
         * time. What it throws ends the job.
         */
        public Builder onProgress(Consumer<AlignProgress> progressListener) {
            this.listener = progressListener;
            return this;
        }

        /**
         * Finds faces with YuNet, which sees more faces than the built-in cascades in less time.
         * Its eyes are less exact, 7 to 10 % of their distance off (median), so that it goes well with {@link
         * #dlibLandmarks}. The file is {@code face_detection_yunet_2023mar.onnx} of OpenCV's model zoo; the models of
         * earlier years need an earlier OpenCV.
         *
         * @throws IOException if the file cannot be read or holds no such model
         */
        public Builder yuNet(Path onnx) throws IOException {
            YuNetModel model = YuNetModel.read(onnx);
            detectorName = "yunet " + model.sha256();
            newDetector = () -> new YuNetDetector(model);
            dlibBox = DlibBox::ofEyes;
            return this;
        }

        /**
         * Finds faces with a detector of your own in place of the built-in one.
         *
         * @param name goes into the description of how the faces were aligned, so that faces of different detectors are
         *     told apart; photographs in which a detector found no face are not searched again by one of the same name
         * @throws IllegalArgumentException if the name is not made of 1 to 60 letters, digits, dots, dashes, underscores
         */
        public Builder detector(String name, FaceDetector detector) {
            requireNonNull(detector, "detector");
            detectorName = CUSTOM + checkName(name);
            newDetector = () -> new UnownedDetector(detector);
            dlibBox = DetectedFace::box;
            return this;
        }

        Builder detector(Supplier<NativeDetector> factory) {
            newDetector = factory;
            dlibBox = DetectedFace::box;
            return this;
        }

        /**
         * Finds the 68 landmarks with a model of dlib's, such as the well-known {@code
         * shape_predictor_68_face_landmarks.dat} (OpenFace's {@code --dlibFacePredictor}). The landmarks are dlib's to the
         * pixel for the same box.
         *
         * <p>With a detector of your own, the model gets its boxes as they are; it expects those of dlib's frontal face
         * detector. The boxes of the built-in detectors are brought to these.
         *
         * @throws IOException if the file cannot be read or is no landmark model of 68 points; the message says why
         */
        public Builder dlibLandmarks(Path file) throws IOException {
            ShapePredictor predictor = ShapePredictor.read(file);
            if (predictor.points() != LandmarkSet.ALL_POINTS) {
                throw new IOException(file + " finds " + predictor.points()
                        + " landmarks; a model of 68 is needed, such as" + " shape_predictor_68_face_landmarks.dat");
            }
            landmarksName = "dlib " + predictor.sha256();
            landmarkDetector = predictor;
            return this;
        }

        /**
         * Finds the landmarks with a detector of your own.
         *
         * @param name as of {@link #detector}
         * @throws IllegalArgumentException if the name is not made of 1 to 60 letters, digits, dots, dashes, underscores
         */
        public Builder landmarks(String name, LandmarkDetector detector) {
            requireNonNull(detector, "detector");
            landmarksName = CUSTOM + checkName(name);
            landmarkDetector = detector;
            return this;
        }

        /**
         * Which landmarks are brought to the template: by default {@link LandmarkSet#OUTER_EYES_AND_NOSE} if there is a
         * landmark detector, and {@link LandmarkSet#EYE_CENTRES} if not.
         */
        public Builder landmarkSet(LandmarkSet set) {
            landmarkSet = requireNonNull(set, "set");
            return this;
        }

        private LandmarkSet effectiveLandmarkSet() {
            if (landmarkSet != null) {
                return landmarkSet;
            }
            return landmarkDetector == null ? LandmarkSet.EYE_CENTRES : LandmarkSet.OUTER_EYES_AND_NOSE;
        }

        private static String checkName(String name) {
            checkArgument(
                    name.matches("[\\w.-]{1,60}"),
                    "a name has 1 to 60 letters, digits, dots, dashes, underscores, got '%s'",
                    name);
            return name;
        }

        /**
         * Loads the detectors.
         *
         * @throws IllegalStateException if the landmark set needs all 68 points and there is no landmark detector; or if
         *     OpenCV's native library is not on the class path; or if OpenCV cannot run the network
         */
        public Aligner build() {
            checkState(
                    !effectiveLandmarkSet().needsAllPoints()
                            || landmarkDetector != null
                            || detectorName.startsWith(CUSTOM),
                    "%s needs all 68 landmarks; call dlibLandmarks(...) or landmarks(...), or take EYE_CENTRES",
                    effectiveLandmarkSet());
            return new Aligner(this);
        }
    }

    /**
     * Aligns the largest face of a photograph on disk. A file that is no readable picture is no exception but an
     * {@linkplain SkipReason#UNREADABLE unreadable} one; one that is not there, or that the disk does not give, is an
     * {@linkplain SkipReason#IO_ERROR error of the disk}.
     *
     * @throws UncheckedIOException of an {@link InterruptedIOException}, if the thread is interrupted while the photograph
     *     is read; it stays interrupted
     * @throws IllegalStateException as {@link #align(RgbImage)}; the message names the photograph
     */
    public Alignment align(Path photograph) {
        checkOpen();
        RgbImage image;
        try {
            image = ImageFiles.read(photograph, limits);
        } catch (IOException e) {
            return notRead(photograph, e);
        }
        return pipeline.align(image, new StageClock(), photograph);
    }

    private static Alignment notRead(Path photograph, IOException e) {
        if (Thread.currentThread().isInterrupted()) {
            InterruptedIOException interrupted =
                    new InterruptedIOException("interrupted while " + photograph + " was read");
            interrupted.initCause(e);
            throw new UncheckedIOException(interrupted);
        }
        boolean noPicture = e instanceof PictureException || e instanceof UnreadableImageException;
        return new Alignment.NotAligned(
                noPicture ? SkipReason.UNREADABLE : SkipReason.IO_ERROR, String.valueOf(e.getMessage()));
    }

    /**
     * Aligns the largest face of a photograph.
     *
     * @throws IllegalStateException if this aligner is closed; or if a detector, such as one of your own, fails, returns
     *     null, or does not give what the landmark set needs. The message names it and what it threw, which is the cause.
     */
    public Alignment align(RgbImage photograph) {
        return pipeline.align(photograph, new StageClock(), photograph);
    }

    /**
     * How this aligner makes its faces: it lies in the folders that {@link #alignDirectory} fills, and in the models
     * trained on them.
     */
    public AlignmentProfile profile() {
        return profile;
    }

    /**
     * Refuses an embedder that was trained on faces aligned otherwise, as its answers to this aligner's faces would mean
     * little. One that does not know how they were aligned is taken at its word.
     *
     * @throws IllegalArgumentException if the profiles differ; the message says in what
     */
    public void requireFitting(FaceEmbedder embedder) {
        embedder.alignmentProfile().ifPresent(trained -> trained.requireCompatible(profile()));
    }

    /**
     * Embeds the largest face of a photograph.
     *
     * @throws IllegalArgumentException if the embedder was trained on faces aligned otherwise
     * @throws NoAlignedFaceException if there is no face; the message names the photograph and the reason
     * @throws UncheckedIOException as {@link #align(Path)}
     * @throws IllegalStateException as {@link #align(Path)}
     */
    public Embedding embed(Path photograph, FaceEmbedder embedder) {
        requireFitting(embedder);
        Alignment alignment = align(photograph);
        if (alignment instanceof Alignment.NotAligned none) {
            throw new NoAlignedFaceException(
                    "no aligned face of " + photograph + ": " + none.reason() + ", " + none.detail(), none.reason());
        }
        return embedder.embed(alignment.orElseThrow());
    }

    /**
     * Aligns every photograph of {@code raw/<person>/<name>.<extension>} to {@code aligned/<person>/<name>.png}.
     *
     * <p>Photographs are only read. Faces that are there already are left as they are if they are whole, of this
     * aligner's size and made from the photograph as it is, so that an interrupted run can be repeated to finish it; a new
     * face appears under its name only when it is complete. However often a run was killed, the folder ends as that of one
     * run. Several processes may work on one folder at the same time.
     *
     * <p>Only faces that an aligner has made, which have a note in their file, are ever replaced (when their photograph has
     * changed) or deleted (when it shows no face any more). Any other file in a face's place stays and {@linkplain
     * SkipReason#IN_THE_WAY is reported}, unless it is a face of the right size, which is taken as it is. A photograph that
     * {@linkplain SkipReason#UNREADABLE is damaged}, that {@linkplain SkipReason#IO_ERROR the disk does not give}, or
     * {@linkplain SkipReason#FAILED fails} for another reason is reported, and a face made from it before stays. The faces
     * of photographs that are gone stay, and are in the report.
     *
     * <p>A person without a single aligned face gets no folder. Of photographs of one person whose names differ only in
     * extension, in upper and lower case or in how accents are composed, the first in the order of the index is aligned and
     * the others are {@linkplain SkipReason#NAME_COLLISION reported}; so are the photographs of people whose folders' names
     * differ only so.
     *
     * <p>Beside the persons' folders lie {@value AlignmentProfile#FILE_NAME}, which says how the faces were aligned, and
     * {@value AlignReport#FILE_NAME}, which says what became of each photograph, those of earlier runs included. A file
     * {@code alignment.skipped.csv} remembers those without a face and those that are damaged, which are reported each time
     * and not looked at again until they or this aligner's settings change. Several runs, in processes and on machines that
     * share the folder and can lock its files, lose nothing of each other's.
     *
     * <p>The photographs may be of any number: the heap holds the names of the people and some thousand photographs.
     *
     * @param raw a folder with one sub-folder per person
     * @param aligned made if it is not there
     * @return what became of each photograph
     * @throws IllegalArgumentException if one folder is, or lies in, the other, also by a link in one of them; or if
     *     {@code aligned} holds faces of another or unknown alignment profile
     * @throws IOException if the photographs cannot be listed, if the disk gives none of many in a row, or if a face cannot
     *     be written; or, as {@link InterruptedIOException}, if a thread was interrupted. Faces written until then stay.
     * @throws IllegalStateException if this aligner is closed
     */
    public AlignReport alignDirectory(Path raw, Path aligned) throws IOException {
        checkOpen();
        return new AlignReport(job().run(raw, aligned));
    }

    /**
     * Deletes the aligned faces whose photographs are not in {@code raw}, those of {@link AlignReport#withoutPhotograph},
     * and their rows of {@value AlignReport#FILE_NAME}. Faces that were aligned from another folder into the same one are
     * among them. Files that no aligner has made stay, and so do the photographs, whatever has become of them.
     *
     * @param raw the folder of photographs
     * @param aligned the folder of their faces
     * @return the files that were deleted
     * @throws IllegalArgumentException if one folder is, or lies in, the other, or if {@code aligned} was not filled by an
     *     aligner
     * @throws IOException if a folder cannot be read, if there is no photograph at all, or if a file cannot be deleted
     */
    public List<Path> purge(Path raw, Path aligned) throws IOException {
        return job().purge(raw, aligned);
    }

    private DirectoryJob job() {
        return new DirectoryJob(
                (photograph, clock) -> pipeline.align(photograph, clock, photograph),
                this::checkOpen,
                profile(),
                new DirectoryJob.Settings(
                        threads,
                        skipMulti,
                        fallback,
                        (done, total, imagesPerSecond) ->
                                listener.accept(new AlignProgress(done, total, imagesPerSecond)),
                        limits,
                        memory));
    }

    /**
     * Mean and standard deviation of the landmarks of the faces in photographs, one face of each. Without a landmark
     * detector that gives all 68 points they are those of the eye centres. The result does not depend on the number of
     * threads; photographs without a face do not count.
     *
     * @throws IOException as an {@link InterruptedIOException}, if the calling thread was interrupted
     * @throws IllegalArgumentException if there is no face in any of them
     */
    public LandmarkStatistics landmarkStatistics(FaceDataset photographs) throws IOException {
        checkOpen();
        LandmarkStatistics.Sum sum = new LandmarkStatistics.Sum();
        List<Face> all = photographs.faces();
        int part = 64 * threads;
        int faces = 0;
        for (int start = 0; start < all.size(); start += part) {
            List<Face> some = all.subList(start, Math.min(all.size(), start + part));
            AtomicReferenceArray<Alignment> found = new AtomicReferenceArray<>(some.size());
            Workers.run(
                    some.size(),
                    threads,
                    "looking for landmarks",
                    i -> found.set(i, alignWithinMemory(some.get(i).file())));
            for (int i = 0; i < some.size(); i++) {
                if (found.get(i) instanceof Alignment.Aligned face) {
                    sum.add(face);
                    faces++;
                }
            }
        }
        checkArgument(faces > 0, "no face was found in %s photographs", all.size());
        return sum.result();
    }

    /** As {@link #align(Path)}, once there is memory for the photograph. */
    private Alignment alignWithinMemory(Path photograph) {
        int taken = 0;
        try {
            EncodedPicture encoded = EncodedPicture.read(photograph, limits.maxFileBytes());
            taken = memory.take(encoded.pixels() * DirectoryJob.BYTES_PER_PIXEL);
            RgbImage image = ImageFiles.decode(encoded.bytes(), photograph.toString(), limits);
            return pipeline.align(image, new StageClock(), photograph);
        } catch (IOException e) {
            return notRead(photograph, e);
        } finally {
            memory.release(taken);
        }
    }

    private void checkOpen() {
        detectors.checkOpen();
    }

    /** Frees the native memory of the detectors. */
    @Override
    public void close() {
        detectors.close();
    }
}
