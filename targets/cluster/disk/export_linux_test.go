package disk

// Kill ends the process that serves the disk, as a lack of memory does.
func (d *Disk) Kill() error {
	if err := d.proc.Kill(); err != nil {
		return err
	}
	<-d.ended
	return nil
}
