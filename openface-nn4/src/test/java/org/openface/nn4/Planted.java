package org.openface.nn4;

import java.io.ObjectInputStream;
import java.net.Socket;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ThreadLocalRandom;
import org.openface.nn4.internal.engine.onednn.OneDnnEngine;
import org.openface.nn4.internal.network.Architecture;
import org.openface.nn4.internal.training.PlantedUser;
import org.openface.triplet.training.Trainer;

/** Classes that each break one rule of {@link ModuleTest}, which is to notice. */
@SuppressWarnings("unused")
public final class Planted {
    private Planted() {}

    interface KnowsTheAligner {
        org.openface.align.Stub stub();
    }

    interface KnowsTheTrainer {
        Trainer trainer();
    }

    public interface KnowsItsUser {
        PlantedUser user();
    }

    interface KnowsAnEngine {
        OneDnnEngine engine();
    }

    public interface ReturnsInternals {
        List<Architecture> architectures();
    }

    public interface TakesInternals {
        void take(Architecture architecture);
    }

    static final class Prints {
        void print() {
            System.out.println("printed");
        }
    }

    interface Connects {
        Socket connect();
    }

    interface ReadsObjects {
        Object read(ObjectInputStream in);
    }

    static final class DrawsRandom {
        int draw() {
            return new Random().nextInt();
        }
    }

    static final class DrawsThreadLocal {
        int draw() {
            return ThreadLocalRandom.current().nextInt();
        }
    }

    static final class DrawsMath {
        double draw() {
            return Math.random();
        }
    }
}
