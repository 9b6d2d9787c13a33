package workload

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/console"
)

// WarmArgument starts the process that runs a template's warm-up commands.
const WarmArgument = "warm"

const warmCommandMax = 10 * time.Second

// Warm runs the commands in namespaces of their own over the read-only
// environment. With the namespaces' first process everything in them ends.
func Warm(ctx context.Context, commands [][]string) (failedCount int, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(len(commands))*warmCommandMax+warmCommandMax)
	defer cancel()
	wanted, err := json.Marshal(commands)
	if err != nil {
		return 0, err
	}
	warmer := exec.CommandContext(ctx, "/proc/self/exe", WarmArgument, string(wanted))
	warmer.Stderr = os.Stderr
	warmer.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWIPC, Setsid: true}
	answer, err := warmer.Output()
	if err != nil {
		return 0, fmt.Errorf("warm: %w", err)
	}
	return strconv.Atoi(string(answer))
}

// RunWarm is the first process of the throwaway namespaces.
func RunWarm() int {
	failedCount, err := warmHere(os.Args[len(os.Args)-1])
	if err != nil {
		console.Say("warm: %v", err)
		return 1
	}
	fmt.Print(failedCount)
	return 0
}

func warmHere(wanted string) (failedCount int, err error) {
	if os.Getpid() != 1 {
		return 0, errors.New("not for use by hand")
	}
	var commands [][]string
	if err := json.Unmarshal([]byte(wanted), &commands); err != nil {
		return 0, err
	}
	if err := enterEnvironment(); err != nil {
		return 0, err
	}
	for _, command := range commands {
		ctx, cancel := context.WithTimeout(context.Background(), warmCommandMax)
		run := exec.CommandContext(ctx, command[0], command[1:]...)
		run.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		run.WaitDelay = time.Second
		if run.Run() != nil {
			failedCount++
		}
		cancel()
	}
	return failedCount, nil
}

// enterEnvironment makes the environment's own disk the root; its mount points
// are there since it was built.
func enterEnvironment() error {
	if err := stageMounts(); err != nil {
		return err
	}
	root, err := openRoot(EnvironmentDirectory)
	if err != nil {
		return err
	}
	defer root.close()
	if err := root.attachStaged(); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", EnvironmentDirectory+"/tmp", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=1777,size=25%"); err != nil {
		return fmt.Errorf("mount /tmp: %w", err)
	}
	return pivot(EnvironmentDirectory)
}
