package org.openface.core;

import java.io.IOException;
import java.io.InputStream;
import java.io.ObjectInputStream;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.URL;
import java.net.URLConnection;
import java.net.http.HttpClient;
import java.nio.channels.DatagramChannel;
import java.nio.channels.SocketChannel;
import java.rmi.Remote;
import java.security.SecureRandom;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import javax.net.SocketFactory;
import org.openface.core.internal.AddressedRandom;

/** Classes that each break one rule of {@link ArchitectureTest}, which is to notice. */
@SuppressWarnings("unused")
public final class Planted {
    private Planted() {}

    interface KnowsNd4j {
        org.nd4j.Stub stub();
    }

    interface KnowsBytedeco {
        org.bytedeco.Stub stub();
    }

    interface KnowsTheAligner {
        org.openface.align.Stub stub();
    }

    interface KnowsTheTrainer {
        org.openface.triplet.Stub stub();
    }

    interface KnowsTheNetwork {
        org.openface.nn4.Stub stub();
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

    interface HasASocket {
        DatagramSocket socket();
    }

    interface HasAnAddress {
        InetAddress address();
    }

    interface HasAUrl {
        URL url();
    }

    interface HasAConnection {
        URLConnection connection();
    }

    interface HasASocketChannel {
        SocketChannel channel();
    }

    interface HasADatagramChannel {
        DatagramChannel channel();
    }

    interface HasAClient {
        HttpClient client();
    }

    interface HasAFactory {
        SocketFactory factory();
    }

    interface IsRemote extends Remote {}

    static final class ReadsObjects {
        Object read(InputStream in) throws IOException, ClassNotFoundException {
            try (ObjectInputStream objects = new ObjectInputStream(in)) {
                return objects.readObject();
            }
        }
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

    static final class DrawsThreadLocal {
        int draw() {
            return ThreadLocalRandom.current().nextInt();
        }
    }

    interface DrawsSecure {
        int draw(SecureRandom random);
    }

    static final class DrawsMath {
        double draw() {
            return Math.random();
        }
    }

    static final class Shuffles {
        void shuffle(List<String> list) {
            Collections.shuffle(list);
        }
    }

    static final class DrawsUuid {
        UUID draw() {
            return UUID.randomUUID();
        }
    }

    /** Public, with an internal type in what a method takes. */
    public interface TakesAnInternalType {
        /** Takes it. */
        void take(AddressedRandom internal);
    }

    /** Public, with an internal type in what a method gives. */
    public interface GivesAnInternalType {
        /** Gives it. */
        AddressedRandom give();
    }

    /** Public, with an internal type in a field. */
    public static final class HoldsAnInternalType {
        /** Nobody may see it. */
        public static final List<AddressedRandom> HELD = List.of();
    }
}
