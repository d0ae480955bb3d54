// A growing file served the way one would write it in Go: net/http, one goroutine per request, one
// buffered channel per reader in a map behind a mutex, io.CopyN from the file, Flush. What B3 and B5 compare with.
//
//	readwhilewrite -dir DIR [-blocks 60] [-block-size 16384] [-every 50ms] [-length]
//
//	GET  /live.bin   the file from its start, followed to its end; -length declares Content-Length
//	POST /start      the writer appends the rest of the blocks and ends the file
//
// The writer lives in the same process, so readers are told of new bytes directly (no inotify).
package main

import (
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// growingFile is one file with one writer and any number of readers.
type growingFile struct {
	file *os.File

	mu      sync.Mutex
	size    int64
	done    bool
	readers map[chan struct{}]struct{}
}

func (g *growingFile) Write(p []byte) (int, error) {
	n, err := g.file.Write(p)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.size += int64(n)
	g.notify()
	return n, err
}

func (g *growingFile) Close() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.done = true
	g.notify()
	return g.file.Close()
}

// notify needs g.mu. A reader that has not taken the last notice yet needs no second one.
func (g *growingFile) notify() {
	for ch := range g.readers {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}

func (g *growingFile) subscribe() chan struct{} {
	ch := make(chan struct{}, 1)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.readers[ch] = struct{}{}
	return ch
}

func (g *growingFile) unsubscribe(ch chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.readers, ch)
}

func (g *growingFile) state() (size int64, done bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.size, g.done
}

func (g *growingFile) serve(w http.ResponseWriter, r *http.Request, length int64) {
	file, err := os.Open(g.file.Name())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer file.Close()
	news := g.subscribe()
	defer g.unsubscribe(news)

	w.Header().Set("Content-Type", "application/octet-stream")
	if length >= 0 {
		w.Header().Set("Content-Length", strconv.FormatInt(length, 10))
	}
	w.(http.Flusher).Flush()
	for sent := int64(0); ; {
		size, done := g.state()
		if sent < size {
			n, err := io.CopyN(w, file, size-sent) // with a declared length this is sendfile
			if err != nil {
				return
			}
			sent += n
			w.(http.Flusher).Flush()
			continue
		}
		if done {
			return
		}
		select {
		case <-news:
		case <-r.Context().Done():
			return
		}
	}
}

// monotonicNow is CLOCK_MONOTONIC in ns, as the readers of the benchmark take it.
func monotonicNow() uint64 {
	const clockMonotonic = 1
	var t syscall.Timespec
	syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&t)), 0)
	return uint64(t.Nano())
}

// block is the format of load/blocks.h.
func block(size, index int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(i*31 + (i>>8)*7)
	}
	binary.LittleEndian.PutUint64(b[8:], uint64(index))
	return b
}

func main() {
	dir := flag.String("dir", "", "where to put live.bin")
	blocks := flag.Int("blocks", 60, "blocks in all, the first one included")
	blockSize := flag.Int("block-size", 16*1024, "bytes")
	every := flag.Duration("every", 50*time.Millisecond, "time between blocks")
	declare := flag.Bool("length", false, "declare Content-Length")
	flag.Parse()

	file, err := os.Create(filepath.Join(*dir, "live.bin"))
	if err != nil {
		log.Fatal(err)
	}
	growing := &growingFile{file: file, readers: make(map[chan struct{}]struct{})}
	write := func(index int) {
		b := block(*blockSize, index)
		binary.LittleEndian.PutUint64(b, monotonicNow())
		if _, err := growing.Write(b); err != nil {
			log.Fatal(err)
		}
	}
	write(0)

	length := int64(-1)
	if *declare {
		length = int64(*blocks) * int64(*blockSize)
	}
	http.HandleFunc("/live.bin", func(w http.ResponseWriter, r *http.Request) {
		growing.serve(w, r, length)
	})
	var once sync.Once
	http.HandleFunc("/start", func(w http.ResponseWriter, r *http.Request) {
		go once.Do(func() {
			ticker := time.NewTicker(*every)
			for i := 1; i < *blocks; i++ {
				<-ticker.C
				write(i)
			}
			growing.Close()
		})
		w.WriteHeader(http.StatusNoContent)
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("readwhilewrite: listening on http://%s\n", listener.Addr())
	log.Fatal(http.Serve(listener, nil))
}
