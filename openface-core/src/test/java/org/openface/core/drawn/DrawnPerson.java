package org.openface.core.drawn;

import java.awt.Color;
import org.openface.core.internal.AddressedRandom;

/**
 * What stays the same in all drawings of one made-up person. Lengths are in units of half a mean face's width; y points
 * down and 0 is the middle of the head.
 */
final class DrawnPerson {
    enum Hair {
        NONE,
        SHORT,
        PARTED,
        FRINGE,
        LONG
    }

    enum Glasses {
        NONE,
        ROUND,
        ANGULAR
    }

    enum Beard {
        NONE,
        STUBBLE,
        MOUSTACHE,
        GOATEE,
        FULL
    }

    private static final Color[] SKIN = {
        new Color(0xf3d3bd),
        new Color(0xecc0a0),
        new Color(0xe0ac85),
        new Color(0xcf9a72),
        new Color(0xb98058),
        new Color(0xa67250)
    };
    private static final Color[] IRIS = {
        new Color(0x3c6f9c),
        new Color(0x5d8fae),
        new Color(0x4f7a4c),
        new Color(0x7a6a35),
        new Color(0x6b4423),
        new Color(0x3a2416)
    };
    private static final Color[] HAIR = {
        new Color(0x1a1512),
        new Color(0x33231a),
        new Color(0x5a3a22),
        new Color(0x8a5a2c),
        new Color(0xb98d4f),
        new Color(0xa04a22),
        new Color(0x8d8a86)
    };

    final double width;
    final double jaw;
    final double chin;
    final Color skin;
    final double flush;

    final double eyeX;
    final double eyeWidth;
    final double eyeOpen;
    final double eyeTilt;
    final double irisSize;
    final Color iris;

    final double browThickness;
    final double browLift;
    final double browTilt;
    final double browArch;

    final double noseLength;
    final double noseWidth;
    final double noseBridge;

    final double mouthY;
    final double mouthWidth;
    final double upperLip;
    final double lowerLip;
    final Color lips;

    final Hair hair;
    final Color hairColour;
    final double hairline;
    final Glasses glasses;
    final Color frame;
    final Beard beard;
    /** {x, y, radius} of each freckle or mole. */
    final double[][] spots;

    final double folds;

    DrawnPerson(AddressedRandom random, double variety) {
        width = around(random, 0.97, 0.07 * variety);
        jaw = Math.max(0.6, around(random, 0.78, 0.09 * variety));
        chin = around(random, 1.32, 0.08 * variety);
        skin = jitter(random, between(random, SKIN, variety), 0.03 * variety);
        flush = Math.max(0, around(random, 0.3, 0.3 * variety));

        eyeX = around(random, 0.42, 0.04 * variety);
        eyeWidth = around(random, 0.2, 0.025 * variety);
        eyeOpen = around(random, 0.52, 0.1 * variety);
        eyeTilt = around(random, -0.04, 0.09 * variety);
        irisSize = around(random, 0.5, 0.05 * variety);
        iris = jitter(random, between(random, IRIS, variety), 0.03 * variety);

        browThickness = around(random, 0.075, 0.035 * variety);
        browLift = around(random, 0.28, 0.04 * variety);
        browTilt = around(random, 0, 0.06 * variety);
        browArch = around(random, 0.07, 0.06 * variety);

        noseLength = around(random, 0.5, 0.09 * variety);
        noseWidth = around(random, 0.21, 0.05 * variety);
        noseBridge = around(random, 0.08, 0.03 * variety);

        mouthY = around(random, 0.75, 0.06 * variety);
        mouthWidth = around(random, 0.35, 0.07 * variety);
        upperLip = around(random, 0.06, 0.03 * variety);
        lowerLip = around(random, 0.085, 0.035 * variety);
        lips = mix(jitter(random, new Color(0xb0524f), 0.05 * variety), skin, 0.15 + 0.35 * random.nextDouble());

        hair = Hair.values()[random.nextInt(Hair.values().length)];
        hairColour = jitter(random, between(random, HAIR, variety), 0.03 * variety);
        hairline = around(random, -0.72, 0.1 * variety);
        glasses =
                random.nextDouble() < 0.75 ? Glasses.NONE : random.nextDouble() < 0.5 ? Glasses.ROUND : Glasses.ANGULAR;
        frame = random.nextDouble() < 0.5 ? new Color(0x2b2622) : new Color(0x7b5a3a);
        beard = random.nextDouble() < 0.6 ? Beard.NONE : Beard.values()[1 + random.nextInt(Beard.values().length - 1)];
        spots = spots(random);
        folds = random.nextDouble();
    }

    private static double[][] spots(AddressedRandom random) {
        double kind = random.nextDouble();
        int count = kind < 0.2 ? 14 + random.nextInt(18) : kind < 0.5 ? 1 + random.nextInt(2) : 0;
        double[][] spots = new double[count][];
        for (int i = 0; i < count; i++) {
            boolean freckle = count > 3;
            double x = (random.nextDouble() * 2 - 1) * 0.62;
            double y = freckle ? 0.12 + 0.35 * random.nextDouble() : 0.1 + 0.9 * random.nextDouble();
            spots[i] = new double[] {x, y, freckle ? 0.018 + 0.012 * random.nextDouble() : 0.035};
        }
        return spots;
    }

    /** A bell-shaped value within three deviations. */
    static double around(AddressedRandom random, double mean, double deviation) {
        double sum = 0;
        for (int i = 0; i < 6; i++) {
            sum += random.nextDouble() - 0.5;
        }
        return mean + deviation * sum * Math.sqrt(2);
    }

    private static Color between(AddressedRandom random, Color[] palette, double variety) {
        double middle = (palette.length - 1) / 2.0;
        double position = middle + (random.nextDouble() * 2 - 1) * middle * Math.min(1, variety);
        int first = Math.min((int) position, palette.length - 2);
        return mix(palette[first], palette[first + 1], position - first);
    }

    private static Color jitter(AddressedRandom random, Color colour, double deviation) {
        float[] c = colour.getRGBColorComponents(null);
        for (int i = 0; i < 3; i++) {
            c[i] = (float) Math.max(0, Math.min(1, c[i] + around(random, 0, deviation)));
        }
        return new Color(c[0], c[1], c[2]);
    }

    static Color mix(Color a, Color b, double share) {
        double t = Math.max(0, Math.min(1, share));
        return new Color(
                (int) Math.round(a.getRed() + t * (b.getRed() - a.getRed())),
                (int) Math.round(a.getGreen() + t * (b.getGreen() - a.getGreen())),
                (int) Math.round(a.getBlue() + t * (b.getBlue() - a.getBlue())));
    }
}
