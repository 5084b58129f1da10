package lapse;

import java.nio.file.Files;
import java.nio.file.Path;

import org.apache.cassandra.utils.Clock;

/**
 * Cassandra's wall clock (-Dcassandra.clock), off by as many milliseconds as the
 * file named by -Dlapse.clock says. The file is read again and again by a thread of
 * its own, so that asking for the time costs what it always costs. The monotonic
 * clock is left alone, as it is when a machine's wall clock is wrong.
 *
 * The compiled class is kept beside this file, because a Java runtime has no
 * compiler: see the go:generate line in clock.go.
 */
public final class BentClock extends Thread implements Clock
{
    private static final long EVERY_MILLIS = 20;

    private final Path file = Path.of(System.getProperty("lapse.clock"));
    private volatile long offset;

    public BentClock()
    {
        super("lapse.BentClock");
        read();
        setDaemon(true);
        start();
    }

    @Override
    public void run()
    {
        try
        {
            while (true)
            {
                Thread.sleep(EVERY_MILLIS);
                read();
            }
        }
        catch (InterruptedException e)
        {
            // The process ends.
        }
    }

    private void read()
    {
        try
        {
            offset = Long.parseLong(Files.readString(file).trim());
        }
        catch (Exception e)
        {
            // The offset stays as it was: lapse reads back what the node's time is.
        }
    }

    @Override
    public long nanoTime()
    {
        return System.nanoTime();
    }

    @Override
    public long currentTimeMillis()
    {
        return System.currentTimeMillis() + offset;
    }
}
