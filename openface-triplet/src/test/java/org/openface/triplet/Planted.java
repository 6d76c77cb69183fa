package org.openface.triplet;

import java.io.IOException;
import java.io.ObjectInputStream;
import java.net.Socket;
import java.security.SecureRandom;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;

/** Classes that each break one rule of {@link ArchitectureTest}, which is to notice. */
@SuppressWarnings("unused")
final class Planted {
    private Planted() {}

    interface KnowsNd4j {
        org.nd4j.Stub stub();
    }

    interface KnowsBytedeco {
        org.bytedeco.Stub stub();
    }

    interface KnowsTheNetwork {
        org.openface.nn4.Stub stub();
    }

    interface KnowsTheAligner {
        org.openface.align.Stub stub();
    }

    static final class Prints {
        void print() {
            System.out.println("printed");
        }
    }

    static final class Complains {
        void complain(Exception e) {
            e.printStackTrace();
        }
    }

    static final class Connects {
        Socket connect() throws IOException {
            return new Socket("localhost", 1);
        }
    }

    interface ReadsObjects {
        Object read(ObjectInputStream in);
    }

    static final class DrawsRandom {
        int draw() {
            return new Random().nextInt();
        }
    }

    static final class DrawsSplittable {
        int draw() {
            return new SplittableRandom().nextInt();
        }
    }

    static final class DrawsUuid {
        UUID draw() {
            return UUID.randomUUID();
        }
    }

    static final class DrawsThreadLocal {
        int draw() {
            return ThreadLocalRandom.current().nextInt();
        }
    }

    static final class DrawsSecure {
        int draw() {
            return new SecureRandom().nextInt();
        }
    }

    static final class DrawsMath {
        double draw() {
            return Math.random();
        }
    }
}
