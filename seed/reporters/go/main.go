// A WebSocket server that reports to seeds. It echoes; what is below the line is for any server.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gorilla/websocket"
)

var (
	clients = map[*websocket.Conn]bool{}
	mutex   sync.Mutex
	// Pages of any site may connect: name yours here, if there is anything to protect.
	upgrader = websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
)

func echo(response http.ResponseWriter, request *http.Request) {
	socket, err := upgrader.Upgrade(response, request, nil)
	if err != nil {
		return // The client has been told.
	}
	mutex.Lock()
	clients[socket] = true
	mutex.Unlock()
	defer func() {
		mutex.Lock()
		delete(clients, socket)
		mutex.Unlock()
		socket.Close()
	}()
	for {
		kind, message, err := socket.ReadMessage()
		if err != nil || socket.WriteMessage(kind, message) != nil {
			return
		}
	}
}

func users() int {
	mutex.Lock()
	defer mutex.Unlock()
	return len(clients)
}

func sendAway() {
	mutex.Lock()
	defer mutex.Unlock()
	goingAway := websocket.FormatCloseMessage(websocket.CloseGoingAway, "")
	for socket := range clients {
		socket.WriteControl(websocket.CloseMessage, goingAway, time.Now().Add(time.Second))
	}
}

func main() {
	listener, err := net.Listen("tcp", ":"+os.Getenv("PORT"))
	if err != nil {
		log.Fatal(err)
	}
	go func() { log.Fatal(http.Serve(listener, http.HandlerFunc(echo))) }()
	reportUntilToldToEnd(users, sendAway)
}

// --------------------------------------------------------------------------------------------------------- reporting

type heartbeat struct {
	URL      string `json:"url"`
	Users    int    `json:"users"`
	Capacity int    `json:"capacity"`
	Draining bool   `json:"draining"`
}

// Tells one seed of this server until it leaves, whatever becomes of the other seeds.
func report(seed string, capacity int, users func() int, drain, leave context.Context) {
	jitter := rand.New(rand.NewSource(time.Now().UnixNano()))
	complaint := ""
	complain := func(err error) {
		for errors.Unwrap(err) != nil {
			err = errors.Unwrap(err) // What is around it has ports in it, which are others each time.
		}
		if err.Error() != complaint {
			log.Printf("%s: %v", seed, err)
		}
		complaint = err.Error()
	}
	for _, over := range []context.Context{drain, leave} {
		for over.Err() == nil {
			pause := 1 + jitter.Float64()
			body, _ := json.Marshal(heartbeat{os.Getenv("URL"), users(), capacity, drain.Err() != nil})
			if reportAfter, err := ask(seed, http.MethodPut, body); err != nil {
				complain(err)
			} else {
				pause, complaint = reportAfter, ""
			}
			select {
			case <-over.Done():
			case <-time.After(time.Duration(pause * float64(time.Second))):
			}
		}
	}
	if _, err := ask(seed, http.MethodDelete, nil); err != nil {
		complain(err)
	}
}

var client = http.Client{Timeout: 2 * time.Second}

// Seconds until the next report.
func ask(seed, method string, body []byte) (float64, error) {
	request, err := http.NewRequest(method, seed+"/"+url.PathEscape(os.Getenv("ID")), bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("authorization", "Bearer "+os.Getenv("TOKEN"))
	request.Header.Set("content-type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode == http.StatusNoContent {
		return 0, err
	}
	if response.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("%d %.500s", response.StatusCode, answer)
	}
	var next struct{ ReportAfter float64 }
	if err := json.Unmarshal(answer, &next); err != nil || next.ReportAfter <= 0 {
		return 0, fmt.Errorf("no seed: its answer has no `reportAfter`")
	}
	return next.ReportAfter, nil
}

func reportUntilToldToEnd(users func() int, sendAway func()) {
	capacity := number("CAPACITY", 1000)
	drain, startDraining := context.WithCancel(context.Background())
	leave, startLeaving := context.WithCancel(context.Background())
	var reports sync.WaitGroup
	for _, seed := range strings.Split(os.Getenv("SEEDS"), ",") {
		reports.Add(1)
		go func(seed string) {
			defer reports.Done()
			report(seed, capacity, users, drain, leave)
		}(seed)
	}
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM, os.Interrupt)
	<-told
	signal.Stop(told) // Told twice: at once.
	startDraining()
	end := time.Now().Add(time.Duration(number("DRAIN_SECONDS", 120)) * time.Second)
	time.Sleep(100 * time.Millisecond) // Whose handshake is under way is counted by then.
	for users() > 0 && time.Now().Before(end) {
		time.Sleep(100 * time.Millisecond)
	}
	sendAway()
	startLeaving()
	reports.Wait()
}

func number(name string, otherwise int) int {
	if value, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return value
	}
	return otherwise
}
