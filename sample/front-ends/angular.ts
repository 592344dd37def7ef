import '@angular/compiler';
import { Component, DestroyRef, inject, Injectable, provideZonelessChangeDetection, signal } from '@angular/core';
import { bootstrapApplication } from '@angular/platform-browser';

interface Price {
  n: number;
  price: number;
}

/** The browser comes back by itself when the connection is lost, and misses nothing. */
@Injectable()
class PricesService {
  readonly prices = signal<Price[]>([]);
  readonly isLive = signal(false);

  constructor() {
    const source = new EventSource('/prices');
    source.onopen = () => this.isLive.set(true);
    source.onerror = () => this.isLive.set(false);
    source.addEventListener('price', ({ data }) =>
      this.prices.update((before) => [...before.slice(-9), JSON.parse(data) as Price]),
    );
    inject(DestroyRef).onDestroy(() => source.close());
  }
}

@Component({
  selector: 'app-root',
  // Of the component, not of the root: the stream ends with it.
  providers: [PricesService],
  template: `
    <h1>Angular</h1>
    <p>{{ service.isLive() ? 'live' : 'away; it comes back by itself' }}</p>
    <ul>
      @for (one of service.prices(); track one.n) {
        <li>{{ one.n }}: {{ one.price }}</li>
      }
    </ul>
  `,
})
class Prices {
  readonly service = inject(PricesService);
}

void bootstrapApplication(Prices, { providers: [provideZonelessChangeDetection()] });
