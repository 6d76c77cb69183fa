package org.openface.examples;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.BiFunction;
import java.util.function.Function;
import org.openface.align.AlignReport;
import org.openface.align.Aligner;
import org.openface.align.face.Alignment;
import org.openface.align.face.DetectedFace;
import org.openface.align.face.FaceBox;
import org.openface.align.face.LandmarkSet;
import org.openface.align.face.Point;
import org.openface.core.cleaning.CleaningPlan;
import org.openface.core.cleaning.CleaningReport;
import org.openface.core.cleaning.DatasetCleaner;
import org.openface.core.dataset.DatasetPruner;
import org.openface.core.dataset.DatasetSplitter;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.dataset.FacePack;
import org.openface.core.embedding.Embedding;
import org.openface.core.embedding.Optimizer;
import org.openface.core.eval.Retrieval;
import org.openface.core.eval.Verification;
import org.openface.core.image.RgbImage;
import org.openface.core.imports.FaceImport;
import org.openface.core.imports.FaceSources;
import org.openface.core.represent.DatasetEmbedder;
import org.openface.core.sampling.BatchSampler;
import org.openface.nn4.Nn4Model;
import org.openface.triplet.loss.ClassificationHead;
import org.openface.triplet.loss.Loss;
import org.openface.triplet.loss.Objective;
import org.openface.triplet.mining.NegativeSelector;
import org.openface.triplet.mining.PairSelector;
import org.openface.triplet.mining.TripletFilter;
import org.openface.triplet.mining.TripletMiner;
import org.openface.triplet.mining.Triplets;
import org.openface.triplet.training.Erasure;
import org.openface.triplet.training.Recipe;
import org.openface.triplet.training.Trainer;

/** The README's code: compiled here, and compared with the README by {@link ReadmeTest}. */
final class Snippets {
    private Snippets() {}

    static void compare(Path file, Path first, Path second) throws IOException {
        // README: compare
        try (Aligner aligner = Aligner.builder().build();
                Nn4Model model = Nn4Model.load(file)) {
            Embedding one = model.embed(aligner.align(first).orElseThrow());
            if (aligner.align(second) instanceof Alignment.Aligned found) { // or a NotAligned with its reason
                Embedding two = model.embed(found.face());
                System.out.println(model.samePerson(one, two) + " at squared distance " + one.squaredDistance(two));
            }
        }
        // README: end
    }

    static void exchange() throws IOException {
        // README: exchange
        try (Nn4Model model = Nn4Model.load(Path.of("nn4.small2.v1.t7"))) { // or safetensors, or what save() wrote
            System.out.println(model.summary()); // a table; summary().toSvg() is a picture
            model.export(Path.of("face.safetensors"), Nn4Model.Format.SAFETENSORS); // or TORCH, TORCH_ASCII
            model.export(Path.of("face.onnx"), Nn4Model.Format.ONNX);
            model.setPassport(model.passport().withThreshold(0.99));
            model.save(Path.of("face.nn4"));
        }
        // README: end
    }

    static Aligner likeOpenFace() throws IOException {
        // README: align
        Aligner aligner = Aligner.builder()
                .dlibLandmarks(Path.of("shape_predictor_68_face_landmarks.dat"))
                .landmarkSet(LandmarkSet.OUTER_EYES_AND_NOSE) // or INNER_EYES_AND_BOTTOM_LIP
                .yuNet(Path.of("face_detection_yunet_2023mar.onnx")) // if you have it
                .build();
        // README: end
        return aligner;
    }

    static Aligner ownDetectors(Function<RgbImage, FaceBox> mine, BiFunction<RgbImage, FaceBox, List<Point>> points) {
        // README: detectors
        Aligner own = Aligner.builder()
                .detector("mine", photograph -> List.of(new DetectedFace(mine.apply(photograph))))
                .landmarks("mine", (photograph, box) -> points.apply(photograph, box)) // 68, or the two eye centres
                .build();
        // README: end
        return own;
    }

    static DatasetSplitter.Split prepare(Aligner aligner) throws IOException {
        // README: data
        AlignReport report = aligner.alignDirectory(Path.of("raw"), Path.of("aligned")); // raw/<person>/<image>
        report.skipped().forEach(s -> System.out.println(s.source() + ": " + s.reason()));

        FaceDataset faces = DatasetPruner.minimumImages(3)
                .prune(FaceDataset.index(Path.of("aligned")))
                .kept();
        DatasetSplitter.Split split = DatasetSplitter.builder()
                .validationFraction(0.1)
                .seed(2)
                .build()
                .split(faces);
        // README: end
        return split;
    }

    static void train(Nn4Model model, DatasetSplitter.Split split) throws IOException {
        // README: miner
        TripletMiner miner = TripletMiner.of(
                PairSelector.allPairs(), // or orderedPairs(), hardestPositive() ...
                TripletFilter.violating().and((ap, an, margin) -> an > 0.05f), // or semiHard(), hard(), any()
                NegativeSelector.hardest()); // or random(), rank(2, 5), all()
        Trainer.builder()
                .model(model)
                .trainingSet(split.training())
                .workDirectory(Path.of("run"))
                .identitiesPerBatch(15)
                .imagesPerIdentity(20)
                .batchesPerEpoch(250)
                .epochs(50)
                .margin(0.2f)
                .miner(miner)
                .optimizer(Optimizer.adam(1e-3))
                .seed(2)
                .onEpoch(e -> System.out.printf("epoch %d loss %.4f%n", e.epoch(), e.meanLoss()))
                .fit(); // goes on where an earlier run stopped
        // README: end
    }

    static void recipe(Nn4Model model, FaceDataset faces) throws IOException {
        // README: recipe
        Loss squaredHinge = Loss.named("squared hinge", mined -> {
            Triplets triplets = mined.triplets();
            double[] slopes = new double[triplets.size()];
            double sum = 0;
            for (int t = 0; t < slopes.length; t++) {
                double hinge = Math.max(0, 0.2 + triplets.positiveDistance(t) - triplets.negativeDistance(t));
                sum += hinge * hinge / slopes.length;
                slopes[t] = 2 * hinge / slopes.length; // by the difference of the two distances
            }
            return new Objective.Outcome(sum, triplets.gradient(slopes, false));
        });
        Trainer.builder()
                .recipe(Recipe.recommended()) // or openFace(), the default; later settings win
                .loss(squaredHinge.plus(ClassificationHead.arcFace(0.3, 16), 0.1))
                .miner(TripletMiner.union(TripletMiner.openFace(), TripletMiner.faceNet()))
                .sampler(BatchSampler.balanced(12, 8)) // or openFace, covering, weighted, lookAlikes
                .model(model)
                .trainingSet(faces)
                .workDirectory(Path.of("run"))
                .epochs(50)
                .fit();
        // README: end
    }

    static void verify(Nn4Model model) throws IOException {
        // README: verify
        Verification.Result lfw = Verification.lfw(Path.of("lfw/pairs.txt"), Path.of("lfw-aligned"))
                .evaluate(model);
        System.out.printf(
                "LFW %.4f ± %.4f, AUC %.4f, TAR at FAR 1 %% %.4f (%d images missing)%n",
                lfw.meanAccuracy(), lfw.standardError(), lfw.auc(), lfw.tarAtFar(0.01), lfw.missingImages());
        // README: end
    }

    static void atScale(
            Path aligned,
            Path run,
            Path pack,
            Path imported,
            Path lists,
            Path clean,
            Path embeddings,
            Nn4Model model,
            FaceDataset asked)
            throws IOException {
        // README: scale
        FaceDataset faces = FaceDataset.index(aligned, run.resolve("faces.manifest")); // reads what is new or changed
        FacePack.of(faces).writeTo(pack); // doing it again adds, and removes, what has changed
        FaceDataset packed = FacePack.open(pack); // trains to the same bits as the folder does

        FaceImport.from(FaceSources.recordIo(Path.of("train.rec")))
                .into(imported); // or msCeleb, csv, folder, or your own
        System.out.println(
                Verification.insightFace(Path.of("lfw.bin")).evaluate(model).meanAccuracy());

        CleaningReport report = DatasetCleaner.of(faces).embedder(model).review();
        report.writeTo(lists); // tables to look at; their first column says keep, remove or move to NAME
        CleaningPlan.read(lists, faces).writeTo(clean, DatasetSplitter.Placement.HARD_LINK);

        DatasetEmbedder.of(model).csv().embed(packed, embeddings); // labels.csv and reps.csv, and a file that is mapped
        System.out.println(Retrieval.of(asked, packed).evaluate(model).recall(1));

        Erasure erasure = Erasure.of("Ann").faces(aligned).pack(pack).work(run).plan();
        System.out.println(erasure.summary()); // what would be removed, and which models have seen her
        erasure.apply();
        // README: end
    }
}
