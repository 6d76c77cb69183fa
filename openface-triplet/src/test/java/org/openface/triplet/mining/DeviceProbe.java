package org.openface.triplet.mining;

import java.nio.file.Path;
import java.util.Arrays;
import org.openface.triplet.internal.cuda.Cuda;
import org.openface.triplet.loss.TripletLoss;

/** Asks for devices and mines on them, in a process of its own: a process looks for the driver once. */
final class DeviceProbe {
    private DeviceProbe() {}

    /** A batch that AUTO gives to a GPU, with its gradient; beside a batch that is too small. */
    static MiningBatch batch() {
        return Batches.random(1, 24, 25, 128);
    }

    public static void main(String[] arguments) {
        System.out.println("plausible: " + Cuda.isPlausible());
        MiningBatch in = batch();
        System.out.println("unasked: " + hash(TripletMiner.openFace(), in));
        System.out.println("looked for: " + Cuda.isLookedFor());
        for (MiningDevice device : MiningDevice.values()) {
            System.out.println(device + " available: " + device.isAvailable());
            System.out.println(device + " is: " + device.description());
            System.out.println(device + " mines: " + hash(device, TripletMiner.openFace(), in));
        }
        for (int i = 0; i < 2; i++) {
            System.out.println("again: " + hash(MiningDevice.AUTO, TripletMiner.faceNet(), in));
        }
        System.out.println("own: "
                + hash(
                        MiningDevice.CUDA,
                        TripletMiner.of(
                                PairSelector.allPairs(),
                                TripletFilter.violating().and((ap, an, margin) -> an > 0.05f),
                                NegativeSelector.random()),
                        in));
        System.out.println("changing: " + hash(MiningDevice.CUDA, changing(), in));
        String library = System.getProperty(Cuda.LIBRARY);
        if (library != null && library.endsWith(FakeDriver.NAME)) {
            FakeDriver.Counts counts = FakeDriver.counts(Path.of(library));
            System.out.println("held: " + (counts.nothingHeld() ? "nothing" : counts));
            System.out.println("gradients: " + counts.gradients());
        }
    }

    static TripletMiner changing() {
        return TripletMiner.randomNegatives()
                .untilEpoch(9, TripletMiner.openFace())
                .atMostPerAnchor(2);
    }

    /** Of the triplets and the gradient; or what is said instead. */
    static String hash(MiningDevice device, TripletMiner miner, MiningBatch in) {
        try {
            return hash(miner.on(device), in);
        } catch (RuntimeException e) {
            return e.getClass().getSimpleName() + ": " + e.getMessage();
        }
    }

    private static String hash(TripletMiner miner, MiningBatch in) {
        Triplets triplets = miner.mine(in);
        float[] gradient = TripletLoss.margin().gradient(in, triplets).values();
        return triplets.size() + " triplets, " + Arrays.hashCode(MiningPassTest.numbers(triplets)) + " "
                + Arrays.hashCode(gradient);
    }
}
